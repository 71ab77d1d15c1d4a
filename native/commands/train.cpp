// `nevus train`: options, configuration file, progress on the terminal, Ctrl-C.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>

#include "commands/commands.h"
#include "commands/data_options.h"
#include "train/cross_validation.h"
#include "train/distributed.h"
#include "train/trainer.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace nevus {
namespace {

std::atomic<bool> stop_requested{false};

// The second Ctrl-C finds the default action again and ends the program at once.
extern "C" void request_stop(int) {
  stop_requested = true;
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) {
    return "-:--";
  }
  const auto whole = static_cast<long>(std::lround(seconds));
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  }
  return text;
}

// One line an epoch on stdout; a bar that is redrawn in place where stdout is a terminal.
class Terminal : public TrainObserver {
 public:
  Terminal() : is_terminal_(isatty(STDOUT_FILENO) != 0) {}
  ~Terminal() override { clear(); }

  void note(const std::string& line) override {
    const std::lock_guard lock(mutex_);
    clear();
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  void warn(const std::string& line) override {
    const std::lock_guard lock(mutex_);
    clear();
    std::fflush(stdout);
    std::fprintf(stderr, "warning: %s\n", line.c_str());
  }

  void progress(const TrainProgress& p) override {
    if (!is_terminal_) return;
    const std::lock_guard lock(mutex_);
    winsize size = {};
    const int columns =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    char left[64], right[96];
    std::snprintf(left, sizeof left, "epoch %d/%d %s ", p.epoch, p.epochs,
                  p.validating ? "validating" : "training  ");
    std::snprintf(right, sizeof right, " %ld/%ld  %.1f images/s  %s left",
                  static_cast<long>(p.step), static_cast<long>(p.steps), p.images_per_second,
                  duration(p.seconds_left).c_str());
    std::string line = left;
    const int room = columns - 1 - static_cast<int>(line.size() + std::string(right).size());
    if (room >= 5) {
      const int width = std::min(room, 40);
      const int filled = static_cast<int>(static_cast<double>(width) * static_cast<double>(p.step) /
                                          static_cast<double>(std::max<std::int64_t>(1, p.steps)));
      for (int i = 0; i < width; ++i) line += i < filled ? "█" : "░";
    }
    std::printf("\r\033[K%s%s", line.c_str(), right);
    std::fflush(stdout);
    drawn_ = true;
  }

  void epoch(const EpochRecord& r, bool best) override {
    char line[200];
    std::snprintf(
        line, sizeof line,
        "epoch %d  train loss %.4f  val loss %.4f  train AUC %.4f  val AUC %.4f  %s  %.1f "
        "images/s%s%s",
        r.epoch, r.train_loss, r.val_loss, r.train_auc, r.val_auc, duration(r.seconds).c_str(),
        r.images_per_second,
        // More than a tenth of the time waiting: threads or the disk are the limit.
        r.data_wait > 0.1 ? ", waiting for photos" : "", best ? "  best so far" : "");
    note(line);
  }

 private:
  void clear() {
    if (drawn_) {
      std::printf("\r\033[K");
      drawn_ = false;
    }
  }

  const bool is_terminal_;
  bool drawn_ = false;
  std::mutex mutex_;
};

// Options in `path` that were not given on the command line; names as on the command line, without
// the dashes. The error names file and key.
Result<bool> apply_config(CLI::App& command, const std::string& path) {
  const toml::parse_result parsed = toml::parse_file(path);
  if (!parsed) {
    std::ostringstream text;
    text << path << ": " << parsed.error().description();
    if (parsed.error().source().begin.line > 0) {
      text << " (line " << parsed.error().source().begin.line << ")";
    }
    return Error{text.str(), ""};
  }
  const auto text_of = [](const toml::node& node) -> std::string {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    if (const auto* real = node.as_floating_point()) {
      std::ostringstream text;
      text.precision(17);
      text << real->get();
      return text.str();
    }
    return "";
  };
  for (const auto& [key_view, node] : parsed.table()) {
    const std::string key(key_view.str());
    CLI::Option* option = command.get_option_no_throw("--" + key);
    if (option == nullptr || key == "config" || key == "help") {
      return Error{path + ": `" + key + "` is not an option of nevus train", key};
    }
    if (option->count() > 0) {
      continue;
    }
    std::vector<std::string> values;
    if (const auto* list = node.as_array()) {
      for (const toml::node& entry : *list) values.push_back(text_of(entry));
    } else {
      values.push_back(text_of(node));
    }
    if (std::find(values.begin(), values.end(), "") != values.end()) {
      return Error{path + ": `" + key + "` has to be a text, a number, true or false", key};
    }
    try {
      for (const std::string& value : values) option->add_result(value);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return Error{path + ": `" + key + "`: " + error.what(), key};
    }
  }
  return true;
}

// The command as it was typed, for the record; quoted where a shell would need it.
std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text, part;
  bool first = true;
  while (std::getline(file, part, '\0')) {
    if (first) {
      part = "nevus";
      first = false;
    }
    const bool plain =
        !part.empty() && part.find_first_of(" \t\n'\"\\$`*?[]{}()<>|&;#~!") == std::string::npos;
    if (!plain) {
      std::string quoted = "'";
      for (const char c : part) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
      part = quoted + "'";
    }
    text += (text.empty() ? "" : " ") + part;
  }
  return text;
}

// OpenMP's threads spin while they wait, which takes the cores from the threads that read photos
// (and from everything else: measured 2 to 5 times slower). The library reads this variable when it
// is loaded, so the program starts itself once more.
void wait_without_spinning() {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 0);
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  if (words.empty()) return;
  execv("/proc/self/exe", arguments.data());
  // Where that is not allowed, training is slower and as right.
}

struct Arguments {
  TrainOptions options;
  bool find_lr = false;
  DataArguments data;
  std::string config;
};

constexpr int kStopped = 130;  // as a shell says of Ctrl-C

int fail(const std::string& message) {
  std::fprintf(stderr, "nevus train: %s\n", message.c_str());
  return 1;
}

int find_lr(const TrainOptions& options, Terminal& terminal) {
  const auto trials = find_rate(options, terminal, stop_requested);
  if (!trials) return fail(trials.error().message);
  double least = INFINITY, greatest = 0;
  for (const RateTrial& trial : *trials) {
    least = std::min(least, trial.loss);
    greatest = std::max(greatest, trial.loss);
  }
  // A bar a row: the curve that people look for, without leaving the terminal.
  std::printf("%10s %8s\n", "rate", "loss");
  const std::size_t every = std::max<std::size_t>(1, trials->size() / 30);
  for (std::size_t i = 0; i < trials->size(); i += every) {
    const auto& [rate, loss] = (*trials)[i];
    std::string bar;
    const int width =
        static_cast<int>(std::lround(40 * (loss - least) / std::max(greatest - least, 1e-9)));
    for (int k = 0; k < width; ++k) bar += "█";
    std::printf("%10.2e %8.4f %s\n", rate, loss, bar.c_str());
  }
  const double rate = steepest_rate(*trials);
  if (!std::isfinite(rate)) return fail("too few steps to tell a learning rate");
  std::printf("the loss falls most steeply at a rate of %.1e: try --lr %.1e\n", rate, rate);
  return 0;
}

int fold(const TrainOptions& options, Terminal& terminal) {
  const auto result = cross_validate(options, terminal, stop_requested);
  if (!result) return fail(result.error().message);
  if (result->stopped) {
    terminal.note("stopped; continue with --resume");
    return kStopped;
  }
  if (distributed_rank() != 0) return 0;
  std::printf("\n%d folds, %zu photos, each judged by the model that had not seen it\n",
              options.folds, result->photos);
  std::printf("%-20s %8s %8s %8s  %s\n", "", "mean", "+-", "pooled", "each fold");
  for (const FoldedFigure& figure : result->figures) {
    std::string each;
    for (const double value : figure.folds) {
      char text[16];
      std::snprintf(text, sizeof text, " %.4f", value);
      each += text;
    }
    std::printf("%-20s %8.4f %8.4f %8.4f %s\n", figure.name.c_str(), figure.mean, figure.deviation,
                figure.pooled, each.c_str());
    if (std::isfinite(figure.low)) {
      std::printf("%-20s %26s (95 %% interval %.4f to %.4f)\n", "", "", figure.low, figure.high);
    }
  }
  terminal.note("wrote " + (options.out / "cross-validation.json").string() + ", validation.csv");
  return 0;
}

int run(CLI::App& command, Arguments& arguments) {
  TrainOptions& options = arguments.options;
  if (!arguments.config.empty()) {
    const auto applied = apply_config(command, arguments.config);
    if (!applied) return fail(applied.error().message);
    std::ifstream file(arguments.config, std::ios::binary);
    options.config.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (arguments.data.data.empty()) return fail("DATA is missing: a folder of photos or a CSV");
  if (options.out.empty() && !arguments.find_lr)
    return fail("--out is missing: the folder to write the run to");
  if (options.resume && options.force) return fail("--resume and --force exclude each other");
  const auto sources = sources_of(arguments.data);
  if (!sources) return fail(sources.error().message);
  options.data = *sources;
  options.groups = arguments.data.groups;
  wait_without_spinning();
  options.command_line = command_line();

  catch_interrupts();
  Terminal terminal;
  if (arguments.find_lr) return find_lr(options, terminal);
  if (options.folds > 0) return fold(options, terminal);
  const auto outcome = train(options, terminal, stop_requested);
  if (!outcome) return fail(outcome.error().message);
  if (outcome->stopped) {
    terminal.note("stopped; continue with --resume");
    return kStopped;
  }
  if (distributed_rank() != 0) return 0;
  const auto& figures = outcome->package.metrics.at("validation");
  const auto& interval = figures.at("auc_ci");
  char text[200];
  std::snprintf(
      text, sizeof text,
      "kept epoch %d: validation AUC %.4f (95 %% interval %.4f to %.4f, %ld photos%s)",
      outcome->best_epoch, figures.at("auc").get<double>(), interval.at(0).get<double>(),
      interval.at(1).get<double>(), figures.at("n").get<long>(),
      options.turns > 1 ? (", each in " + std::to_string(options.turns) + " turns").c_str() : "");
  terminal.note(text);
  terminal.note("wrote " + (options.out / "model.onnx").string() +
                ", model.json, history.csv, validation.csv, report.html");
  return 0;
}

}  // namespace

void add_train_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<Arguments>();
  TrainOptions& o = arguments->options;
  Recipe& r = o.recipe;
  CLI::App* command = app.add_subcommand("train", "Train a classifier on labelled photos");
  const std::string data = "Photos";
  add_data_options(*command, arguments->data, data);
  command
      ->add_option("--out", o.out,
                   "Folder for model.onnx, model.json, history.csv, report.html, checkpoint")
      ->option_text("RUN");
  command
      ->add_option(
          "--arch", o.architecture,
          "Network: efficientnet-lite0 … -lite4, efficientnet-b0 … -b7, mobilenetv3-small, -large")
      ->capture_default_str();
  command
      ->add_option("--weights", o.weights,
                   "Start from: imagenet, none, or a FILE: .safetensors or .pth (named as in timm, "
                   "torchvision or the Lite packages), model.onnx of Nevus, checkpoint of a RUN")
      ->capture_default_str();
  command->add_option("--epochs", r.epochs, "Passes over the photos")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command->add_option("--seed", o.seed, "Decides everything random")->capture_default_str();
  command->add_option("--device", o.device, "auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  command->add_option("--threads", o.threads, "Threads; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      ->add_option("--photos", o.photos,
                   "A trial: learn from about so many photos, drawn from each label; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--folds", o.folds,
                   "Cross-validate: cut into K parts, train K times (OUT/fold-1, …)")
      ->option_text("K")
      ->check(CLI::Range(2, 100));
  command
      ->add_option("--time-limit", o.time_limit,
                   "Stop after so many minutes as Ctrl-C does; --resume goes on")
      ->option_text("MINUTES")
      ->check(CLI::PositiveNumber)
      ->transform(
          [](const std::string& minutes) { return std::to_string(60 * std::stod(minutes)); });
  command->add_flag("--find-lr", arguments->find_lr,
                    "Try rising learning rates on 120 batches, recommend one, and write nothing");
  command->add_flag("--resume", o.resume, "Continue a run that was stopped");
  command->add_flag("--force", o.force, "Overwrite a run that is already there");
  command
      ->add_option("--config", arguments->config, "Options from a TOML file; the command line wins")
      ->option_text("FILE");

  command
      ->add_option("--malignant", o.malignant,
                   "A class that counts as malignant beside the known ones; may be repeated")
      ->option_text("LABEL")
      ->group(data);
  command
      ->add_option("--benign", o.benign, "A class that does not, though its name says so; likewise")
      ->option_text("LABEL")
      ->group(data);
  command
      ->add_option("--val-share", r.val_share,
                   "Share of each class for validation, where no photo is marked val")
      ->check(CLI::Range(0.05, 0.5))
      ->capture_default_str()
      ->group(data);
  command
      ->add_option("--cache", o.cache,
                   "Decoded photos: auto (in RUN, until it is finished), off, or a FILE that stays "
                   "for other runs")
      ->capture_default_str()
      ->group(data);
  command->add_option("--cache-size", o.cache_size, "Its greatest size, GB")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str()
      ->group(data);
  command
      ->add_flag("--keep-test-groups", o.keep_test_groups,
                 "Train also on photos of lesions that the test split shows")
      ->group(data);

  const std::string recipe = "Recipe";
  command->add_option("--batch-size", r.batch_size, "Photos a step")
      ->check(CLI::Range(2, 4096))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--lr", r.learning_rate, "Learning rate of the classifier, AdamW")
      ->check(CLI::Range(1e-7, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--backbone-rate", r.backbone_rate, "The pretrained layers' share of --lr")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--weight-decay", r.weight_decay, "Of kernels")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--layer-decay", r.layer_decay,
                   "Each block's rate is this share of the next deeper one's")
      ->check(CLI::Range(0.1, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--head-epochs", r.head_epochs, "Epochs in which the classifier alone learns")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--freeze", r.freeze,
                   "Blocks of the network, from the first, that stay as they are")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--optimizer", r.optimizer, "adamw or sgd (with Nesterov's momentum)")
      ->check(CLI::IsMember({"adamw", "sgd"}))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--momentum", r.momentum, "Of sgd")
      ->check(CLI::Range(0.0, 0.9999))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--accumulate", r.accumulate,
                   "Batches a step: a larger batch in the same memory")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--clip-norm", r.clip_norm, "Greatest norm of a step's gradient; 0: no limit")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--balance", r.balance,
                   "Rare classes: none, weights (they count more), sampling (they come up more)")
      ->check(CLI::IsMember({"none", "weights", "sampling"}))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--balance-power", r.balance_power, "1: all classes alike, 0: as they are")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--mixup", r.mixup, "Mixes photos; parameter of Beta(a, a), 0: off")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--cutmix", r.cutmix, "Pastes photos into each other; as --mixup")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--teacher", o.teachers,
                   "A model.onnx of the same classes whose answers are learnt from beside the "
                   "labels; may be repeated")
      ->option_text("MODEL ...")
      ->group(recipe);
  command->add_option("--teacher-weight", r.teacher_weight, "Their share of the loss")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--teacher-turns", r.teacher_turns,
                   "They judge each view in so many of its 8 turns and mirror images, drawn at "
                   "random; 0: as it is")
      ->check(CLI::Range(0, 8))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--patience", r.patience,
                   "Epochs without improvement before it ends; 0: all epochs")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--select", r.select,
                   "The kept epoch is the best in: auc, loss or balanced-accuracy, on validation")
      ->check(CLI::IsMember({"auc", "loss", "balanced-accuracy"}))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--warm-up", r.warm_up, "Share of the steps")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--label-smoothing", r.label_smoothing, "0 to 0.5")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--dropout", r.dropout, "Before the classifier")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--drop-connect", r.drop_connect, "Chance of skipping the last block")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str()
      ->group(recipe);
  command->add_option("--norm-momentum", r.norm_momentum, "Of batch-norm's statistics")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--ema-epochs", r.ema_epochs,
                   "Weights are averaged over about so many epochs; 0: off")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--input", r.input_size,
                   "Pixels a side of the network's input [as its weights were published]")
      ->check(CLI::Range(32, 1024))
      ->group(recipe);
  command
      ->add_option("--first-size", r.first_size,
                   "Pixels of the first epoch's views, which grow to the last's: faster; 0: always "
                   "the last's")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(recipe);
  command
      ->add_option("--last-size", r.last_size,
                   "Pixels of the last epochs' views, at most the network's input; 0: the input's")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(recipe);
  const std::string augmentation = "Augmentation (flips are always on)";
  const auto strength = [&](const char* name, double& to, const char* help, double low,
                            double high) {
    command->add_option(name, to, help)
        ->check(CLI::Range(low, high))
        ->capture_default_str()
        ->group(augmentation);
  };
  strength("--min-scale", r.augment.min_scale, "Least share of a photo's area in a view", 0.1, 1);
  strength("--aspect", r.augment.aspect, "Width to height changes by up to this factor", 1, 3);
  strength("--rotation", r.augment.max_rotation, "Degrees to either side", 0, 180);
  strength("--color", r.augment.color, "Of brightness, contrast and saturation", 0, 1);
  strength("--hue", r.augment.hue, "Turn of the hue circle", 0, 0.5);
  strength("--blur", r.augment.blur, "Share of views that lose resolution", 0, 1);
  strength("--hair", r.augment.hair, "Share of views that get hair-like lines", 0, 1);
  strength("--cutout", r.augment.cutout, "Share of views that lose a rectangle", 0, 1);
  strength("--jpeg", r.augment.jpeg, "Share of views that go through a JPEG", 0, 1);

  const std::string package = "Model package";
  command->add_option("--name", o.name, "The model's name [the run folder's]")->group(package);
  command->add_option("--license", o.license, "The model's licence")
      ->capture_default_str()
      ->group(package);
  command
      ->add_option("--typicality", r.typicality,
                   "Directions of the Gaussian that tells photos of something else; 0: none")
      ->check(CLI::Range(0, 512))
      ->capture_default_str()
      ->group(package);
  command
      ->add_option_function<std::string>(
          "--export", [&o](const std::string& text) { o.storage = *weight_storage(text); },
          "How weights are stored: float16, int8 (a little over half the size) or float32 (twice)")
      ->check(CLI::IsMember({"float16", "int8", "float32"}))
      ->default_str("float16")
      ->group(package);
  command
      ->add_option(
          "--turns", o.turns,
          "The exported model judges each photo in so many of its turns and mirror images and "
          "answers with the mean: better, and as many times slower")
      ->check(CLI::IsMember({1, 2, 4, 8}))
      ->option_text("1|2|4|8 [1]")
      ->group(package);
  command->footer(
      "Examples:\n"
      "  nevus train photos/ --out run                       a folder per class\n"
      "  nevus train labels.csv --out run --epochs 20        a CSV: file,label[,group,split]\n"
      "  nevus train labels.csv --out run --resume           go on where it was stopped\n"
      "  nevus train labels.csv --out run --folds 5          cross-validate\n"
      "  nevus train labels.csv --out run --find-lr          which learning rate?\n"
      "  nevus train photos/ --out run --balance sampling --mixup 0.2 --epochs 30 --patience 5\n"
      "  torchrun --no-python --nproc-per-node 4 nevus train photos/ --out run     four GPUs\n"
      "\n"
      "docs/training.md: several sources and GPUs, what happens when something goes wrong.\n"
      "Ctrl-C stops after the current batch and keeps a checkpoint. Photos marked `test` are "
      "never\n"
      "trained on. The same command with the same seed gives the same numbers (on a CPU).");
  command->callback([command, arguments, &status] { status = run(*command, *arguments); });
}

}  // namespace nevus
