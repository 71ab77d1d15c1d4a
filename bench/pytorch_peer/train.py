"""The peer of `nevus train`: EfficientNet-Lite0 in PyTorch with torchvision's transforms and a
DataLoader, as one would write it today. Prints images per second and peak memory of a run."""

import argparse
import csv
import os
import random
import resource
import time

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.transforms import v2


class SameConv(nn.Conv2d):
    """TensorFlow's "SAME" padding, as the published weights need it."""

    def forward(self, x):
        pads = []
        for length, kernel, stride in (
            (x.shape[3], self.kernel_size[1], self.stride[1]),
            (x.shape[2], self.kernel_size[0], self.stride[0]),
        ):
            total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            pads += [total // 2, total - total // 2]
        if any(pads):
            x = F.pad(x, pads)
        return F.conv2d(x, self.weight, None, self.stride, 0, 1, self.groups)


def unit(c_in, c_out, kernel, stride, groups, act):
    same = kernel > 1
    conv = (
        SameConv(c_in, c_out, kernel, stride, groups=groups, bias=False)
        if same and stride == 2
        else nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    )
    layers = [conv, nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.05)]
    if act:
        layers.append(nn.ReLU6(inplace=True))
    return layers


class Block(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride, expansion):
        super().__init__()
        inner = c_in * expansion
        layers = unit(c_in, inner, 1, 1, 1, True) if expansion != 1 else []
        layers += unit(inner, inner, kernel, stride, inner, True)
        layers += unit(inner, c_out, 1, 1, 1, False)
        self.layers = nn.Sequential(*layers)
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.shortcut else y


def lite0(classes):
    layers = unit(3, 32, 3, 2, 1, True)
    c_in = 32
    for repeats, kernel, stride, expansion, c_out in (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ):
        for i in range(repeats):
            layers.append(Block(c_in, c_out, kernel, stride if i == 0 else 1, expansion))
            c_in = c_out
    layers += unit(c_in, 1280, 1, 1, 1, True)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, classes)]
    return nn.Sequential(*layers)


class Photos(torch.utils.data.Dataset):
    def __init__(self, rows, transform):
        self.rows, self.transform = rows, transform

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        path, label = self.rows[index]
        return self.transform(Image.open(path).convert("RGB")), label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("csv")
    parser.add_argument("--photos", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)

    root = os.path.dirname(args.csv)
    with open(args.csv, newline="") as file:
        rows = [
            (os.path.join(root, row["file"]), int(row["label"] == "malignant"))
            for row in csv.DictReader(file)
            if row["split"] == "train"
        ]
    random.Random(1).shuffle(rows)
    rows = rows[: args.photos]
    # As strong as `nevus train`'s: crop of 60 to 100 %, aspect up to 4:3, any rotation, flips,
    # colour, and blur on a fifth of the photos.
    transform = v2.Compose(
        [
            v2.PILToTensor(),
            v2.RandomRotation(180, interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomResizedCrop(224, scale=(0.6, 1.0), ratio=(3 / 4, 4 / 3), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.ColorJitter(0.15, 0.15, 0.15, 0.02),
            v2.RandomApply([v2.GaussianBlur(5, (0.5, 1.5))], p=0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.498] * 3, [0.502] * 3),
        ]
    )
    loader = torch.utils.data.DataLoader(
        Photos(rows, transform),
        batch_size=args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        persistent_workers=args.workers > 0,
        drop_last=True,
    )
    net = lite0(2).to(memory_format=torch.channels_last).train()
    decay = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=5e-4
    )
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.95), use_buffers=True
    )
    for epoch in range(args.epochs):
        start, images = time.perf_counter(), 0
        for x, y in loader:
            x = x.contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(net(x), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update_parameters(net)
            images += len(y)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1}: {images / seconds:.1f} images/s, loss {loss.item():.3f}", flush=True)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del loader
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * args.workers
    print(f"peak memory: {own / 1024:.0f} MB, workers {workers / 1024:.0f} MB more")


if __name__ == "__main__":
    main()
