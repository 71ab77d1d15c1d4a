// Synthetic skin-lesion photos with a known label, for tests, samples and demos. They look like
// lesions seen through a dermatoscope, and are no material to learn medicine from.
#pragma once

#include <cstdint>

#include "nevus/image.h"

namespace nevus {

struct LesionSpec {
  int width = 480;         ///< pixels, 64 to 4096
  int height = 360;        ///< pixels, 64 to 4096
  bool malignant = false;  ///< asymmetric, ragged, several colours; benign: round, even, one colour
  std::uint64_t seed = 1;  ///< decides everything else: skin tone, hair, shape, colours
};

/// One photo, RGB, spec.width x spec.height. Shapes and colours follow the ABCD rule of dermoscopy
/// (Stolz et al., 1994): asymmetry, border, colour, dermoscopic structures.
Image synthesize_lesion(const LesionSpec& spec);

}  // namespace nevus
