// Any bytes as model.onnx and as model.json: no crash, and an accepted package survives being
// written and read again. The graph's hash would stop nearly every mutation, so the text is also
// read alone.
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "nevus/package.h"

namespace {

void check(const nevus::Result<nevus::ModelPackage>& package) {
  if (!package) {
    if (package.error().message.empty()) std::abort();
    return;
  }
  const bool sane = package->classes.size() >= 2 && package->input.width >= 32 &&
                    package->input.width <= 1024 && package->cam_width >= 1 &&
                    package->cam_width <= 64 && package->temperature > 0 &&
                    std::isfinite(package->temperature) &&
                    package->self_test.logits.size() == package->classes.size();
  if (!sane) std::abort();
  const auto again = nevus::parse_package_json(nevus::to_json(*package));
  // Pretty-printing may carry a text just under 1 MiB over the limit.
  if (!again && again.error().message.find("1 MiB") == std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(nevus::read_package({data, size}));
  check(nevus::parse_package_json({reinterpret_cast<const char*>(data), size}));
  (void)nevus::graph_sha256({data, size});
  return 0;
}
