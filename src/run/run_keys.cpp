#include <algorithm>
#include <limits>

#include "longhaul/core/error.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/run/run_file.h"

#include "foreign_keys.h"

namespace longhaul {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kMaxSteps = 1'000'000'000;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 30;

using Keys = Schema<RunConfig>;

ValueType<EvaluationSource> evaluation_value() {
  const auto fraction = number_value({0.0, 1.0, false, false});
  const auto looks_like_number = number_value({-kInfinity, kInfinity});
  return {"none, a fraction of the training samples such as 0.05, or a file",
          [=](const ConfigNode& node, EvaluationSource& value) {
            if (node.kind != ConfigNode::Kind::kScalar || node.text.empty()) return false;
            value = {};
            if (!node.is_quoted && node.text == "none") return true;
            if (fraction.read(node, value.fraction)) return true;
            double other = 0.0;
            if (looks_like_number.read(node, other)) return false;
            value = {.file = node.text};
            return true;
          },
          [=](const EvaluationSource& value) {
            if (value.file.empty()) {
              return value.fraction > 0 ? fraction.write(value.fraction) : "none";
            }
            ConfigNode plain;
            plain.kind = ConfigNode::Kind::kScalar;
            plain.text = value.file;
            double number = 0.0;
            const bool is_ambiguous = value.file == "none" || looks_like_number.read(plain, number);
            return is_ambiguous ? to_quoted_yaml_scalar(value.file) : to_yaml_scalar(value.file);
          }};
}

ValueType<std::vector<std::string>> files_value() {
  const auto file = text_value("a file");
  return {"a file or a list of files (JSONL, JSON, plain text)",
          [file](const ConfigNode& node, std::vector<std::string>& value) {
            if (node.kind != ConfigNode::Kind::kSequence) {
              return file.read(node, value.emplace_back());
            }
            value.resize(node.items.size());
            for (std::size_t i = 0; i < value.size(); ++i) {
              if (!file.read(node.items[i], value[i])) return false;
            }
            return !value.empty();
          },
          [file](const std::vector<std::string>& value) {
            if (value.size() == 1) return file.write(value.front());
            std::string list;
            for (const std::string& name : value) {
              list += concat(list.empty() ? "" : ", ", file.write(name));
            }
            return concat("[", list, "]");
          }};
}

// The two betas of an AdamWConfig; the rest of it has keys of its own.
ValueType<AdamWConfig> betas_value() {
  const auto beta = number_value({0.0, 1.0, true, false});
  return {"a list of two numbers, each " + beta.expected.substr(std::string("a number ").size()),
          [beta](const ConfigNode& node, AdamWConfig& value) {
            return node.items.size() == 2 && beta.read(node.items[0], value.beta1) &&
                   beta.read(node.items[1], value.beta2);
          },
          [beta](const AdamWConfig& value) {
            return concat("[", beta.write(value.beta1), ", ", beta.write(value.beta2), "]");
          }};
}

// A policy, or a file: what has a folder or an ending in its name.
ValueType<std::string> plan_value() {
  std::string policies = "auto, ";
  for (const std::string& name : policy_names()) policies += name + ", ";
  return {policies + "or a plan file, whose name ends in .yaml",
          [](const ConfigNode& node, std::string& value) {
            if (!text_value("").read(node, value)) return false;
            const std::vector<std::string> names = policy_names();
            const bool is_policy = std::find(names.begin(), names.end(), value) != names.end();
            return value == "auto" || is_policy || value.ends_with(".yaml") ||
                   value.ends_with(".yml");
          },
          [](const std::string& value) { return to_yaml_scalar(value); }};
}

bool read_disk(const ConfigNode& node, DiskLimit& disk) {
  if (node.kind != ConfigNode::Kind::kMap || node.entries.size() != 2) return false;
  const ConfigNode* path = find(node, "path");
  const ConfigNode* capacity = find(node, "capacity");
  return path != nullptr && capacity != nullptr && text_value("").read(*path, disk.path) &&
         size_value().read(*capacity, disk.capacity);
}

ValueType<std::vector<DiskLimit>> disks_value() {
  return {"a list of {path: FOLDER, capacity: SIZE}",
          [](const ConfigNode& node, std::vector<DiskLimit>& disks) {
            disks.clear();
            if (node.kind != ConfigNode::Kind::kSequence) return false;
            for (const ConfigNode& item : node.items) {
              if (!read_disk(item, disks.emplace_back())) return false;
            }
            return true;
          },
          [](const std::vector<DiskLimit>& disks) {
            std::string list;
            for (const DiskLimit& disk : disks) {
              list += concat(list.empty() ? "" : ", ",
                             "{path: ",
                             to_yaml_scalar(disk.path),
                             ", capacity: ",
                             size_value().write(disk.capacity),
                             "}");
            }
            return concat("[", list, "]");
          }};
}

void add_data_keys(Keys& keys, Purpose purpose) {
  if (purpose == Purpose::kTrain) {
    keys.add_required(
        "data.train",
        [](RunConfig & c) -> auto& { return c.data.train; },
        files_value(),
        "Samples to learn from: chats (messages or ShareGPT), Alpaca, prompt and completion, or "
        "plain text; the shape of each file is recognised.");
  }
  keys.add(
      "data.eval",
      [](RunConfig & c) -> auto& { return c.data.eval; },
      evaluation_value(),
      "Held-out samples, never trained on.");
  keys.add(
      "data.max_length",
      [](RunConfig & c) -> auto& { return c.data.max_length; },
      integer_value(2, kMaxTokens),
      "The longest sample in tokens. Longer chats and completions keep their beginning, longer "
      "texts are cut into pieces.");
  keys.add(
      "data.loss_on",
      [](RunConfig & c) -> auto& { return c.data.loss_on; },
      one_of<LossOn>({{"assistant", LossOn::kAssistant}, {"all", LossOn::kAll}}),
      "Which tokens of a chat or completion are learned: the replies, or all of it. Plain text is "
      "learned as a whole.");
  keys.add(
      "data.chat_template",
      [](RunConfig & c) -> auto& { return c.data.chat_template; },
      word_or("auto", text_value("chatml or a file with a Jinja template")),
      "How chats become text; auto is the model's own template.");
  keys.add(
      "data.on_bad_sample",
      [](RunConfig & c) -> auto& { return c.data.on_bad_sample; },
      one_of<OnBadSample>({{"refuse", OnBadSample::kRefuse}, {"skip", OnBadSample::kSkip}}),
      "What to do with a sample that cannot be used: refuse the run, or leave it out and count "
      "it.");
}

void add_batch_keys(Keys& keys, Purpose purpose) {
  if (purpose == Purpose::kTrain) {
    keys.add(
        "batch.tokens_per_step",
        [](RunConfig & c) -> auto& { return c.batch.tokens_per_step; },
        integer_value(16, kMaxTokens),
        "Tokens of one optimizer step.");
  }
  keys.add(
      "batch.tokens_per_micro_batch",
      [](RunConfig & c) -> auto& { return c.batch.tokens_per_micro_batch; },
      word_or("auto", integer_value(16, kMaxTokens)),
      "Tokens that are computed at once; divides tokens_per_step and holds max_length. More needs "
      "more memory and packs better.");
  if (purpose != Purpose::kTrain) return;
  keys.add(
      "batch.head_tile_rows",
      [](RunConfig & c) -> auto& { return c.batch.head_tile_rows; },
      word_or("none", integer_value(512, kMaxTokens)),
      "Computes the head and the loss in tiles of so many rows of the vocabulary, which needs less "
      "memory of the device and one more product; none cuts it over tokens only.");
}

void add_training_keys(Keys& keys) {
  keys.add(
      "training.epochs",
      [](RunConfig & c) -> auto& { return c.training.epochs; },
      word_or("none", number_value({0.0, 1e6, false})),
      "How often the training samples are seen; none where steps are given.");
  keys.add(
      "training.steps",
      [](RunConfig & c) -> auto& { return c.training.steps; },
      word_or("none", integer_value(1, kMaxSteps)),
      "Optimizer steps of the run, instead of epochs.");
}

void add_precision_keys(Keys& keys) {
  keys.add(
      "training.precision",
      [](RunConfig & c) -> auto& { return c.training.precision; },
      word_or("auto", one_of<Precision>({{"fp32", Precision::kF32}, {"bf16", Precision::kBF16}})),
      "Dtype of weights, activations and gradients. bf16 keeps exact fp32 masters; auto takes it "
      "where the processor multiplies it at full rate.");
}

void add_step_keys(Keys& keys) {
  keys.add(
      "training.seed",
      [](RunConfig & c) -> auto& { return c.training.seed; },
      seed_value(),
      "Order of samples, split and every other random choice.");
  keys.add(
      "training.max_grad_norm",
      [](RunConfig & c) -> auto& { return c.training.max_grad_norm; },
      word_or("none", number_value({0.0, kInfinity, false, false})),
      "Gradients with a larger global norm are scaled down to it; none never scales.");
  keys.add(
      "training.eval_every",
      [](RunConfig & c) -> auto& { return c.training.eval_every; },
      word_or("none", integer_value(1, kMaxSteps)),
      "Steps between evaluations of the held-out samples; none evaluates only at the end.");
  keys.add(
      "training.on_nonfinite",
      [](RunConfig & c) -> auto& { return c.training.on_nonfinite; },
      one_of<OnNonfinite>({{"stop", OnNonfinite::kStop}, {"skip", OnNonfinite::kSkip}}),
      "When a gradient is infinite or no number: stop the run, or leave weights and states as "
      "they are in this step.");
}

void add_optimizer_keys(Keys& keys) {
  keys.add(
      "optimizer.kind",
      [](RunConfig & c) -> auto& { return c.optimizer.kind; },
      one_of<OptimizerKind>({{"adamw", OptimizerKind::kAdamW}}, "others do not exist yet"),
      "The rule of the update.");
  keys.add(
      "optimizer.learning_rate",
      [](RunConfig & c) -> auto& { return c.optimizer.adamw.learning_rate; },
      number_value({0.0, 1.0, false}),
      "The rate after warm-up.");
  keys.add(
      "optimizer.betas",
      [](RunConfig & c) -> auto& { return c.optimizer.adamw; },
      betas_value(),
      "Decay of the first and second moment.");
  keys.add(
      "optimizer.epsilon",
      [](RunConfig & c) -> auto& { return c.optimizer.adamw.epsilon; },
      number_value({0.0, 1.0, false}),
      "Added to the root of the second moment.");
  keys.add(
      "optimizer.weight_decay",
      [](RunConfig & c) -> auto& { return c.optimizer.adamw.weight_decay; },
      number_value({0.0, 1.0}),
      "Decoupled weight decay of matrices.");
  keys.add(
      "optimizer.decay_norms_and_biases",
      [](RunConfig & c) -> auto& { return c.optimizer.decay_norms_and_biases; },
      bool_value(),
      "Whether weight decay holds for norms and biases too.");
  keys.add(
      "optimizer.schedule",
      [](RunConfig & c) -> auto& { return c.optimizer.schedule; },
      one_of<ScheduleShape>({{"constant", ScheduleShape::kConstant},
                             {"linear", ScheduleShape::kLinear},
                             {"cosine", ScheduleShape::kCosine}}),
      "The learning rate after warm-up: constant, or falling to zero at the last step.");
  keys.add(
      "optimizer.warmup_ratio",
      [](RunConfig & c) -> auto& { return c.optimizer.warmup_ratio; },
      word_or("none", number_value({0.0, 1.0})),
      "Share of the steps in which the learning rate rises from zero, rounded up to whole steps.");
  keys.add(
      "optimizer.warmup_steps",
      [](RunConfig & c) -> auto& { return c.optimizer.warmup_steps; },
      word_or("none", integer_value(0, kMaxSteps)),
      "The same in steps, instead of warmup_ratio.");
}

void add_checkpoint_keys(Keys& keys) {
  keys.add(
      "checkpoint.every",
      [](RunConfig & c) -> auto& { return c.checkpoint.every; },
      word_or("none", integer_value(1, kMaxSteps)),
      "Steps between checkpoints; none writes them only at the end and when interrupted.");
  keys.add(
      "checkpoint.keep",
      [](RunConfig & c) -> auto& { return c.checkpoint.keep; },
      integer_value(1, 1'000'000),
      "How many checkpoints stay; older ones are removed after a newer one is complete.");
  keys.add(
      "resume",
      [](RunConfig & c) -> auto& { return c.resume; },
      one_of<Resume>({{"auto", Resume::kAuto}, {"never", Resume::kNever}}),
      "Whether a run goes on from the newest checkpoint in its output folder; never moves the old "
      "folder aside to NAME.1.");
}

void add_machine_keys(Keys& keys) {
  keys.add(
      "device.kind",
      [](RunConfig & c) -> auto& { return c.device.kind; },
      word_or("auto",
              one_of<DeviceKind>({{"host", DeviceKind::kHost}, {"cuda", DeviceKind::kCuda}})),
      "Where the model computes: cuda is the first NVIDIA GPU, host is the processor; auto is "
      "host, "
      "since cuda has run on an emulated GPU only.");
  keys.add(
      "device.memory",
      [](RunConfig & c) -> auto& { return c.device.memory; },
      word_or("auto", size_value()),
      "A cap on the device's memory; auto sets none on the processor, and what is free on a GPU.");
  keys.add(
      "device.threads",
      [](RunConfig & c) -> auto& { return c.device.threads; },
      word_or("auto", integer_value(1, 4096)),
      "Threads of the processor; auto takes every usable core. No number depends on it.");
  keys.add(
      "limits.host_memory",
      [](RunConfig & c) -> auto& { return c.limits.host_memory; },
      word_or("auto", size_value()),
      "A cap on what the plan takes of the main memory, the program and its libraries come on top; "
      "auto is what the machine has.");
  keys.add(
      "limits.disk",
      [](RunConfig & c) -> auto& { return c.limits.disk; },
      disks_value(),
      "Folders for what a plan keeps on disk, one per disk, and the most that may be taken there.");
  keys.add(
      "limits.write_price",
      [](RunConfig & c) -> auto& { return c.limits.write_price; },
      number_value({0.0, 1e6}),
      "Seconds of a step that plan: auto gives to spare a GB written to disk, so that the drive "
      "lasts; 0 writes for every last gain.");
}

Keys make_schema(Purpose purpose) {
  Keys keys(foreign_keys());
  const bool is_training = purpose == Purpose::kTrain;
  keys.add_required(
      "model",
      [](RunConfig & c) -> auto& { return c.model; },
      text_value("a model folder"),
      "The pretrained model: a folder with config.json, safetensors and tokenizer files.");
  if (is_training) {
    keys.add_required(
        "output",
        [](RunConfig & c) -> auto& { return c.output; },
        text_value("a folder"),
        "Where everything of the run is written; the trained model is in its folder model.");
  }
  add_data_keys(keys, purpose);
  add_batch_keys(keys, purpose);
  if (is_training) add_training_keys(keys);
  add_precision_keys(keys);
  if (is_training) {
    add_step_keys(keys);
    add_optimizer_keys(keys);
    add_checkpoint_keys(keys);
  }
  add_machine_keys(keys);
  if (is_training) {
    keys.add(
        "hardware",
        [](RunConfig & c) -> auto& { return c.hardware; },
        word_or("auto", text_value("a file")),
        "The profile of the machine, by which plan: auto goes and steps are predicted; auto is "
        "what longhaul profile wrote, else assumed figures.");
    keys.add(
        "plan",
        [](RunConfig & c) -> auto& { return c.plan; },
        plan_value(),
        "When and where everything happens; never changes a number.");
  }
  return keys;
}

}  // namespace

const Schema<RunConfig>& run_schema(Purpose purpose) {
  static const Keys train_keys = make_schema(Purpose::kTrain);
  static const Keys model_keys = make_schema(Purpose::kUseModel);
  return purpose == Purpose::kTrain ? train_keys : model_keys;
}

}  // namespace longhaul
