// The gradients of every node kind, each alone between an embedding and a head, against autograd on
// the same equation and against central differences of the loss.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "longhaul/core/philox.h"
#include "longhaul/graph/builder.h"
#include "longhaul/train/engine.h"

#include "support/tested_device.h"

namespace longhaul {
namespace {

constexpr std::int64_t kRows = 40;
constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kTokens = 48;
constexpr BatchShape kShape{.tokens = kTokens, .max_segments = 4, .positions = kTokens};

// Three sequences and an untargeted tail; ids repeat, so that rows of tables collect gradients.
struct Batch {
  std::vector<std::int32_t> ids, sorted_order, positions, positions_order, targets;
  std::vector<std::int32_t> segments{0, 17, 18, 42, 48};
  std::int64_t target_tokens = 0;

  Batch() {
    const Philox numbers(11, 0);
    for (std::int32_t t = 0; t < kTokens; ++t) {
      const auto segment = std::upper_bound(segments.begin(), segments.end(), t) - 1;
      ids.push_back(static_cast<std::int32_t>(numbers.bits(static_cast<std::uint64_t>(t)) % 13));
      positions.push_back(t - *segment);
      const bool has_target = t < 42 && t % 5 != 3;
      targets.push_back(has_target ? (t * 7) % static_cast<std::int32_t>(kRows) : -1);
      target_tokens += has_target ? 1 : 0;
    }
    sorted_order = order_of(ids);
    positions_order = order_of(positions);
  }

  static std::vector<std::int32_t> order_of(const std::vector<std::int32_t>& keys) {
    std::vector<std::int32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return keys[static_cast<std::size_t>(a)] < keys[static_cast<std::size_t>(b)];
    });
    return order;
  }
  BatchView view() const {
    return {ids, sorted_order, positions, positions_order, targets, segments};
  }
};

const Batch& batch() {
  static const Batch kBatch;
  return kBatch;
}

at::Tensor as_tensor(const std::vector<std::int32_t>& values) {
  return at::tensor(values).to(at::kLong);
}

// The parameters of a case by name, as autograd sees them.
using Weights = std::map<std::string, at::Tensor>;

// Adds its nodes behind `x` to the model; returns what the head reads.
using Extend = std::function<TensorId(Model&, GraphBuilder&, TensorId x)>;
// The same equation in ATen.
using Oracle = std::function<at::Tensor(const Weights&, const at::Tensor& x)>;

struct Case {
  const char* name;
  Extend extend;
  Oracle oracle;
  bool is_tied = false;  // the head reads the embedding's table
  std::int64_t tile_rows = 0;
};

std::ostream& operator<<(std::ostream& out, const Case& test) {
  return out << test.name;
}

RotaryTables rotary_tables(GraphBuilder& build, std::int64_t rotary_dim) {
  RotaryTables tables{
      build.position_table("cos", rotary_dim / 2), build.position_table("sin", rotary_dim / 2), {}};
  for (std::int64_t i = 0; i < rotary_dim / 2; ++i) {
    tables.frequencies.push_back(
        std::pow(100.0F, -static_cast<float>(2 * i) / static_cast<float>(rotary_dim)));
  }
  return tables;
}

at::Tensor rotate(const at::Tensor& x, std::int64_t head_dim, std::int64_t rotary_dim) {
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < rotary_dim / 2; ++i) {
    frequencies.push_back(
        std::pow(100.0, -2.0 * static_cast<double>(i) / static_cast<double>(rotary_dim)));
  }
  const at::Tensor angles = as_tensor(batch().positions).to(at::kDouble).unsqueeze(1) *
                            at::tensor(frequencies, at::kDouble).unsqueeze(0);
  const at::Tensor cosines = angles.cos().to(at::kFloat).unsqueeze(1);
  const at::Tensor sines = angles.sin().to(at::kFloat).unsqueeze(1);
  const at::Tensor heads = x.view({kTokens, -1, head_dim});
  const std::int64_t half = rotary_dim / 2;
  const at::Tensor a = heads.narrow(2, 0, half);
  const at::Tensor b = heads.narrow(2, half, half);
  const at::Tensor rest = heads.narrow(2, rotary_dim, head_dim - rotary_dim);
  return at::cat({a * cosines - b * sines, b * cosines + a * sines, rest}, 2).reshape(x.sizes());
}

at::Tensor rms(const at::Tensor& x, const at::Tensor& gain, double epsilon) {
  const at::Tensor groups = x.view({kTokens, -1, gain.size(0)});
  const at::Tensor rstd = at::rsqrt((groups * groups).mean(2, true) + epsilon);
  return (groups * rstd * gain).reshape(x.sizes());
}

// Softmax over what each token may see, written out with a mask.
at::Tensor attend(const at::Tensor& q,
                  const at::Tensor& k,
                  const at::Tensor& v,
                  const Attention& kind) {
  const auto heads_of = [&](const at::Tensor& x, std::int64_t heads) {
    return x.view({kTokens, heads, kind.head_dim})
        .transpose(0, 1)
        .repeat_interleave(kind.heads / heads, 0);
  };
  at::Tensor mask = at::full({kTokens, kTokens}, -INFINITY);
  const Batch& b = batch();
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const std::int64_t position = b.positions[static_cast<std::size_t>(t)];
    const std::int64_t seen = kind.window == 0 ? position + 1 : std::min(kind.window, position + 1);
    mask.index({t}).narrow(0, t - seen + 1, seen).zero_();
  }
  const at::Tensor scores =
      at::matmul(heads_of(q, kind.heads), heads_of(k, kind.kv_heads).transpose(1, 2)) *
      static_cast<double>(kind.scale);
  const at::Tensor y = at::matmul(at::softmax(scores + mask, 2), heads_of(v, kind.kv_heads));
  return y.transpose(0, 1).reshape({kTokens, kind.heads * kind.head_dim});
}

Case attention_case(const char* name, const Attention& kind) {
  return {
      name,
      [kind](Model&, GraphBuilder& build, TensorId x) {
        const std::int64_t keys = kind.kv_heads * kind.head_dim;
        const TensorId wq = build.parameter("wq", kind.heads * kind.head_dim, kWidth);
        const TensorId wk = build.parameter("wk", keys, kWidth);
        const TensorId wv = build.parameter("wv", keys, kWidth);
        const TensorId wo = build.parameter("wo", kWidth, kind.heads * kind.head_dim);
        const TensorId y = build.attention("attention",
                                           build.linear("q", x, wq),
                                           build.linear("k", x, wk),
                                           build.linear("v", x, wv),
                                           kind);
        return build.linear("o", y, wo);
      },
      [kind](const Weights& w, const at::Tensor& x) {
        const at::Tensor y = attend(
            at::linear(x, w.at("wq")), at::linear(x, w.at("wk")), at::linear(x, w.at("wv")), kind);
        return at::linear(y, w.at("wo"));
      }};
}

Case rotary_case(const char* name, std::int64_t head_dim, std::int64_t rotary_dim) {
  return {name,
          [=](Model& model, GraphBuilder& build, TensorId x) {
            const RotaryTables tables = rotary_tables(build, rotary_dim);
            model.rotary.push_back(tables);
            return build.rotary("rotary",
                                x,
                                tables.cosines,
                                tables.sines,
                                Rotary{kWidth / head_dim, head_dim, rotary_dim});
          },
          [=](const Weights&, const at::Tensor& x) { return rotate(x, head_dim, rotary_dim); }};
}

Case rms_norm_case(const char* name, std::int64_t width) {
  return {name,
          [=](Model&, GraphBuilder& build, TensorId x) {
            return build.rms_norm("norm", x, build.parameter("gain", width), 1e-5F);
          },
          [](const Weights& w, const at::Tensor& x) { return rms(x, w.at("gain"), 1e-5); }};
}

Case linear_case(const char* name, bool has_bias) {
  return {name,
          [=](Model&, GraphBuilder& build, TensorId x) {
            const TensorId weight = build.parameter("weight", kWidth, kWidth);
            return build.linear(
                "linear", x, weight, has_bias ? build.parameter("bias", kWidth) : TensorId{});
          },
          [=](const Weights& w, const at::Tensor& x) {
            const at::Tensor y = at::linear(x, w.at("weight"));
            return has_bias ? y + w.at("bias") : y;
          }};
}

Case gelu_case(const char* name, bool is_tanh) {
  return {
      name,
      [=](Model&, GraphBuilder& build, TensorId x) { return build.gelu("gelu", x, is_tanh); },
      [=](const Weights&, const at::Tensor& x) { return at::gelu(x, is_tanh ? "tanh" : "none"); }};
}

std::vector<Case> cases() {
  const auto nothing = [](Model&, GraphBuilder&, TensorId x) { return x; };
  const auto same = [](const Weights&, const at::Tensor& x) { return x; };
  return {
      {"embedding_and_head", nothing, same},
      {"tied_head", nothing, same, true},
      {"head_in_tiles_of_the_vocabulary", nothing, same, false, 16},
      {"tied_head_in_one_tile_of_the_vocabulary", nothing, same, true, 64},
      {"add",
       [](Model&, GraphBuilder& build, TensorId x) {
         // Learned positions: a table gathered by position, and a sum.
         const TensorId table = build.parameter("positions", kTokens, kWidth);
         return build.add("add", x, build.position_embedding("position", table));
       },
       [](const Weights& w, const at::Tensor& x) {
         return x + at::embedding(w.at("positions"), as_tensor(batch().positions));
       }},
      rms_norm_case("rms_norm", kWidth),
      rms_norm_case("rms_norm_per_head", kWidth / 4),
      {"layer_norm",
       [](Model&, GraphBuilder& build, TensorId x) {
         const TensorId gain = build.parameter("gain", kWidth);
         return build.layer_norm("norm", x, gain, build.parameter("bias", kWidth), 1e-5F);
       },
       [](const Weights& w, const at::Tensor& x) {
         return at::layer_norm(x, {kWidth}, w.at("gain"), w.at("bias"), 1e-5);
       }},
      linear_case("linear", false),
      linear_case("linear_with_bias", true),
      rotary_case("rotary", 16, 16),
      rotary_case("rotary_of_half_the_head", 32, 16),
      attention_case("attention", {.heads = 4, .kv_heads = 4, .head_dim = 16, .scale = 0.25F}),
      attention_case("attention_shared_keys",
                     {.heads = 4, .kv_heads = 2, .head_dim = 32, .scale = 0.2F}),
      attention_case("attention_window",
                     {.heads = 2, .kv_heads = 1, .head_dim = 16, .window = 5, .scale = 0.25F}),
      {"swiglu",
       [](Model&, GraphBuilder& build, TensorId x) {
         const TensorId gate = build.parameter("gate", kWidth, kWidth);
         const TensorId up = build.parameter("up", kWidth, kWidth);
         return build.swiglu("swiglu", build.linear("g", x, gate), build.linear("u", x, up));
       },
       [](const Weights& w, const at::Tensor& x) {
         return at::silu(at::linear(x, w.at("gate"))) * at::linear(x, w.at("up"));
       }},
      gelu_case("gelu_tanh", true),
      gelu_case("gelu_erf", false),
  };
}

Model make_case_model(const Case& test, DType dtype) {
  Model model;
  GraphBuilder build(dtype);
  build.begin_block("embedding");
  const TensorId table = build.parameter("table", kRows, kWidth);
  TensorId x = build.embedding("embedding", table);
  build.begin_block("case");
  x = test.extend(model, build, x);
  build.begin_block("head");
  build.head_loss("head", x, test.is_tied ? table : build.parameter("head", kRows, kWidth), 16);
  model.graph = build.finish();
  tile_head(model.graph, test.tile_rows);
  model.vocabulary = kRows;
  return model;
}

std::vector<TensorId> parameters_of(const ModelGraph& graph) {
  std::vector<TensorId> ids;
  for (const Block& block : graph.blocks) {
    ids.insert(ids.end(), block.parameters.begin(), block.parameters.end());
  }
  return ids;
}

// Around 1 for what scales rows (gains), else normal numbers that keep every value of order one.
std::vector<float> start_values(const Tensor& tensor, std::size_t index) {
  std::vector<float> values(static_cast<std::size_t>(element_count(tensor, kShape)));
  const Philox numbers(5, index);
  const bool is_table = tensor.name == "table" || tensor.name == "positions";
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float x = numbers.normal(i);
    values[i] = tensor.name == "gain" ? 1.0F + 0.2F * x : x * (is_table ? 1.0F : 0.15F);
  }
  return values;
}

// A case with its values in an engine.
class Trial {
 public:
  Trial(const Case& test, DType dtype)
      : test_(test),
        engine_(make_case_model(test, dtype),
                {.format = adamw_format(dtype == DType::kF32 ? Precision::kF32 : Precision::kBF16),
                 .plan = Plan{},
                 .passes = {{Pass::kTrain, kShape}, {Pass::kEvaluate, kShape}},
                 .device = test::tested_device(),
                 .threads = 2}) {
    for (const TensorId id : parameters_of(graph())) {
      std::vector<float> values = start_values(graph()[id], id.index());
      if (dtype == DType::kBF16) {
        for (float& value : values) value = from_bf16(to_bf16(value));
      }
      engine_.states().write_master(id, values);
      masters_[id.index()] = std::move(values);
    }
  }

  const ModelGraph& graph() const { return engine_.model().graph; }

  // With both betas zero the first moment is the gradient as the optimizer received it.
  std::map<std::string, at::Tensor> gradients() {
    StepScalars scalars;
    scalars.adamw = {.learning_rate = 0.0, .beta1 = 0.0, .beta2 = 0.0};
    scalars.powers = advance({}, scalars.adamw);
    scalars.inverse_target_tokens = 1.0F / static_cast<float>(batch().target_tokens);
    const BatchView view = batch().view();
    engine_.train({&view, 1}, scalars);
    std::map<std::string, at::Tensor> result;
    for (const TensorId id : parameters_of(graph())) {
      std::vector<float> values(masters_.at(id.index()).size());
      engine_.states().read_moment(id, "momentum", values);
      result[graph()[id].name] = at::tensor(values);
    }
    return result;
  }

  std::map<std::string, at::Tensor> autograd_gradients() const {
    const at::AutoGradMode enabled(true);
    Weights weights;
    for (const TensorId id : parameters_of(graph())) {
      const Tensor& tensor = graph()[id];
      std::vector<std::int64_t> shape;
      for (const Dim& dim : tensor.shape) shape.push_back(dim.factor);
      weights[tensor.name] = at::tensor(masters_.at(id.index())).reshape(shape).requires_grad_();
    }
    const at::Tensor& table = weights.at("table");
    const at::Tensor x = at::embedding(table, as_tensor(batch().ids));
    const at::Tensor hidden = test_.oracle(weights, x);
    const at::Tensor logits = at::linear(hidden, test_.is_tied ? table : weights.at("head"));
    at::cross_entropy_loss(logits, as_tensor(batch().targets), {}, at::Reduction::Mean, -1)
        .backward();
    std::map<std::string, at::Tensor> result;
    for (const auto& [name, weight] : weights) result[name] = weight.grad().flatten();
    return result;
  }

  // The slope of the mean loss when `id` moves along `direction` (of length one), by central
  // differences with the given step.
  double slope(TensorId id, const at::Tensor& direction, double step) {
    const double after = loss_at(id, direction, step);
    const double before = loss_at(id, direction, -step);
    engine_.states().write_master(id, masters_.at(id.index()));
    return (after - before) / (2.0 * step);
  }

 private:
  double loss_at(TensorId id, const at::Tensor& direction, double distance) {
    std::vector<float> values = masters_.at(id.index());
    const float* along = direction.const_data_ptr<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] += static_cast<float>(distance) * along[i];
    }
    engine_.states().write_master(id, values);
    const BatchView view = batch().view();
    return engine_.evaluate({&view, 1}) / static_cast<double>(batch().target_tokens);
  }

  const Case& test_;
  Engine engine_;
  std::map<std::size_t, std::vector<float>> masters_;
};

double norm_of(const at::Tensor& x) {
  return x.to(at::kDouble).norm().item<double>();
}

class NodeGradients : public testing::TestWithParam<Case> {};

TEST_P(NodeGradients, AgreeWithAutograd) {
  Trial trial(GetParam(), DType::kF32);
  const auto ours = trial.gradients();
  for (const auto& [name, theirs] : trial.autograd_gradients()) {
    EXPECT_GT(norm_of(theirs), 1e-3) << name << ": the case shows nothing";
    EXPECT_LE(norm_of(ours.at(name) - theirs), 2e-6 * norm_of(theirs)) << name;
  }
}

// Every value between two nodes is rounded to 8 bits, which leaves 2^-9 of it, and the gradient
// passes a handful of such roundings.
TEST_P(NodeGradients, InBf16AgreeWithAutogradInFp32) {
  Trial trial(GetParam(), DType::kBF16);
  const auto ours = trial.gradients();
  for (const auto& [name, theirs] : trial.autograd_gradients()) {
    EXPECT_LE(norm_of(ours.at(name) - theirs), 0.015 * norm_of(theirs)) << name;
  }
}

// Along the gradient itself, where the slope is its length, and along a direction drawn at random.
TEST_P(NodeGradients, AgreeWithCentralDifferences) {
  Trial trial(GetParam(), DType::kF32);
  const auto gradients = trial.gradients();
  for (const TensorId id : parameters_of(trial.graph())) {
    const std::string& name = trial.graph()[id].name;
    const at::Tensor& gradient = gradients.at(name);
    const double length = norm_of(gradient);
    const Philox numbers(23, id.index());
    std::vector<float> random(static_cast<std::size_t>(gradient.numel()));
    for (std::size_t i = 0; i < random.size(); ++i) random[i] = numbers.normal(i);
    const at::Tensor drawn = at::tensor(random);
    const at::Tensor along = gradient / length;
    const at::Tensor across = drawn / drawn.norm();

    // The loss carries about 1e-7 of rounding; the curvature adds the square of the step.
    constexpr double kStep = 0.03;
    EXPECT_NEAR(trial.slope(id, along, kStep), length, 1e-3 * length) << name;
    const double expected =
        (gradient.to(at::kDouble) * across.to(at::kDouble)).sum().item<double>();
    EXPECT_NEAR(trial.slope(id, across, kStep), expected, 1e-3 * length) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, NodeGradients, testing::ValuesIn(cases()), [](const auto& test) {
  return test.param.name;
});

}  // namespace
}  // namespace longhaul
