// nevus_core's one public header: pixels in, a decision and its explanation out. Values in, values
// out; no files, no threads, no globals. Knows nothing of LibTorch, ONNX Runtime, ImGui or a
// browser.
#pragma once

#include "nevus/decision.h"
#include "nevus/encoded.h"
#include "nevus/heatmap.h"
#include "nevus/image.h"
#include "nevus/jpeg.h"
#include "nevus/lesion.h"
#include "nevus/lesion_json.h"
#include "nevus/lesion_measures.h"
#include "nevus/package.h"
#include "nevus/preprocess.h"
#include "nevus/quality.h"
#include "nevus/registration.h"
#include "nevus/result.h"
#include "nevus/self_test.h"
#include "nevus/sha256.h"
