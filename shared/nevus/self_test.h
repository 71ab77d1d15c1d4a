// The input of a model package's self-test, made from a seed on every machine alike.
#pragma once

#include <cstdint>

#include "nevus/image.h"
#include "nevus/preprocess.h"

namespace nevus {

/// A soft random picture in skin-like colours, integer arithmetic only.
/// @return RGB, spec.width x spec.height; normalize() turns it into the network's input
Image self_test_image(std::uint32_t seed, const PreprocessSpec& spec);

}  // namespace nevus
