#include "longhaul/train/engine.h"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/ops/torch_memory.h"

#include "support/golden_model.h"
#include "support/tested_device.h"

namespace {
std::atomic<std::int64_t> news{0};
}

// Counts every allocation of the program that goes through operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++news;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++news;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace longhaul {
namespace {

using test::GoldenModel;
using test::PackedBatch;

struct Setting {
  std::string model;
  Precision precision;
};

BatchShape shape_of(int micro_batches) {
  return {.tokens = 96, .max_segments = 6, .positions = 96, .micro_batches = micro_batches};
}

DType dtype_of(Precision precision) {
  return precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
}

std::unique_ptr<Engine> make_engine(const GoldenModel& golden,
                                    Precision precision,
                                    std::vector<PassRequest> passes,
                                    int threads) {
  auto engine = std::make_unique<Engine>(make_model(golden.config, dtype_of(precision)),
                                         EngineOptions{.format = adamw_format(precision),
                                                       .plan = Plan{},
                                                       .passes = std::move(passes),
                                                       .device = test::tested_device(),
                                                       .threads = threads});
  test::load_weights(*engine, golden.weights);
  return engine;
}

StepScalars scalars_for(std::int64_t targets, int step) {
  StepScalars scalars;
  scalars.adamw = {.learning_rate = 1e-3, .weight_decay = 0.01};
  for (int i = 0; i < step; ++i) scalars.powers = advance(scalars.powers, scalars.adamw);
  scalars.max_grad_norm = 1.0;
  scalars.inverse_target_tokens = 1.0F / static_cast<float>(targets);
  return scalars;
}

// Two sequences in each of two micro-batches.
std::vector<PackedBatch> two_micro_batches(const GoldenModel& golden) {
  const Json batch = golden.expected.at("batches").at(std::size_t{0});
  return {test::pack(batch, 0, 2, shape_of(2)), test::pack(batch, 2, 4, shape_of(2))};
}

// Every weight and moment after `steps` steps, and the losses and norms on the way.
std::vector<float> train(const GoldenModel& golden, Precision precision, int threads, int steps) {
  const auto engine = make_engine(golden, precision, {{Pass::kTrain, shape_of(2)}}, threads);
  const std::vector<PackedBatch> packed = two_micro_batches(golden);
  const std::vector<BatchView> views{packed[0].view(), packed[1].view()};
  const std::int64_t targets = packed[0].target_tokens + packed[1].target_tokens;
  std::vector<float> numbers;
  for (int step = 1; step <= steps; ++step) {
    const StepResults results = engine->train(views, scalars_for(targets, step));
    numbers.push_back(static_cast<float>(results.loss_sum));
    numbers.push_back(static_cast<float>(results.gradient_norm));
  }
  for (const ParameterSource& source : engine->model().sources) {
    const auto count =
        static_cast<std::size_t>(element_count(engine->model().graph[source.parameter], {}));
    std::vector<float> values(count);
    engine->states().read_master(source.parameter, values);
    numbers.insert(numbers.end(), values.begin(), values.end());
    for (const char* moment : {"momentum", "variance"}) {
      engine->states().read_moment(source.parameter, moment, values);
      numbers.insert(numbers.end(), values.begin(), values.end());
    }
  }
  return numbers;
}

class EngineBits : public testing::TestWithParam<Setting> {};

TEST_P(EngineBits, AreTheSameForAnyNumberOfThreads) {
  const GoldenModel golden = test::load_golden_model(GetParam().model);
  const std::vector<float> one = train(golden, GetParam().precision, 1, 3);
  for (const int threads : {2, 12, 16}) {
    const std::vector<float> many = train(golden, GetParam().precision, threads, 3);
    ASSERT_EQ(one.size(), many.size());
    EXPECT_EQ(std::memcmp(one.data(), many.data(), one.size() * sizeof(float)), 0)
        << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Settings,
                         EngineBits,
                         testing::Values(Setting{"llama_tied", Precision::kF32},
                                         Setting{"llama_tied", Precision::kBF16},
                                         Setting{"gpt2", Precision::kBF16},
                                         Setting{"qwen3", Precision::kBF16}));

TEST(Engine, AsksTheSystemForNoTensorMemoryInAStep) {
  const GoldenModel golden = test::load_golden_model("llama_tied");
  // One thread: with more, each makes its own library primitives when a tile first comes its way.
  const auto engine = make_engine(golden, Precision::kBF16, {{Pass::kTrain, shape_of(2)}}, 1);
  const std::vector<PackedBatch> packed = two_micro_batches(golden);
  const std::vector<BatchView> views{packed[0].view(), packed[1].view()};
  std::vector<std::int64_t> per_step;
  for (int step = 1; step <= 4; ++step) {
    const TorchAllocations before = torch_allocations();
    const std::int64_t news_before = news.load();
    engine->train(views, scalars_for(20, step));
    const std::int64_t news_in_step = news.load() - news_before;
    const TorchAllocations after = torch_allocations();
    EXPECT_EQ(after.from_system, before.from_system) << "step " << step;
    EXPECT_GT(after.from_scratch, before.from_scratch) << "products take scratch";
    if (step > 1) per_step.push_back(news_in_step);
  }
  EXPECT_EQ(per_step[0], per_step[1]);
  EXPECT_EQ(per_step[1], per_step[2]);
}

TEST(Engine, LeavesTheStatesWhenAGradientIsNotFinite) {
  const GoldenModel golden = test::load_golden_model("qwen2");
  const auto engine = make_engine(golden, Precision::kBF16, {{Pass::kTrain, shape_of(1)}}, 2);
  const PackedBatch packed = two_micro_batches(golden).front();
  const BatchView view = packed.view();
  const TensorId gain = engine->model().sources.back().parameter;  // the norm before the head
  std::vector<float> poisoned(
      static_cast<std::size_t>(element_count(engine->model().graph[gain], {})));
  engine->states().read_master(gain, poisoned);
  poisoned[3] = std::numeric_limits<float>::infinity();
  engine->states().write_master(gain, poisoned);
  const TensorId other = engine->model().sources.front().parameter;
  std::vector<float> before(
      static_cast<std::size_t>(element_count(engine->model().graph[other], {})));
  engine->states().read_master(other, before);

  const StepResults results = engine->train({&view, 1}, scalars_for(10, 1));

  std::vector<float> after(before.size());
  engine->states().read_master(other, after);
  EXPECT_EQ(results.is_skipped, 1U);
  EXPECT_GT(results.nonfinite, 0);
  EXPECT_EQ(before, after);
}

TEST(Engine, GivesASequenceTheSameLossWhateverItsNeighbours) {
  const GoldenModel golden = test::load_golden_model("mistral");
  const auto engine = make_engine(golden, Precision::kBF16, {{Pass::kEvaluate, shape_of(1)}}, 2);
  const Json batch = golden.expected.at("batches").at(std::size_t{0});
  PackedBatch packed = test::pack(batch, 0, 3, shape_of(1));
  // Only the second sequence has targets.
  for (std::size_t t = 0; t < packed.ids.size(); ++t) {
    const auto token = static_cast<std::int32_t>(t);
    if (token < packed.segment_offsets[1] || token >= packed.segment_offsets[2]) {
      packed.targets[t] = -1;
    }
  }
  const BatchView view = packed.view();
  const double loss = engine->evaluate({&view, 1});
  for (std::size_t t = 0; t < packed.ids.size(); ++t) {
    const auto token = static_cast<std::int32_t>(t);
    if (token < packed.segment_offsets[1] || token >= packed.segment_offsets[2]) packed.ids[t] = 7;
  }
  EXPECT_EQ(engine->evaluate({&view, 1}), loss);
  EXPECT_GT(loss, 0.0);
}

class EngineGeneration : public testing::TestWithParam<std::string> {};

TEST_P(EngineGeneration, DecodesWhatAPrefillOfTheLongerPromptSays) {
  const GoldenModel golden = test::load_golden_model(GetParam());
  const BatchShape prompt{.tokens = 32, .max_segments = 2, .positions = 40};
  const BatchShape token{.tokens = 1, .max_segments = 1, .positions = 40};
  const auto engine =
      make_engine(golden, Precision::kF32, {{Pass::kPrefill, prompt}, {Pass::kDecode, token}}, 2);
  const std::vector<std::int32_t> ids{5, 17, 3, 99, 42, 8, 61, 23, 11, 70};
  const auto prefill = [&](std::size_t length) {
    PackedBatch batch;
    batch.ids.assign(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(length));
    batch.ids.resize(32, 0);
    for (std::int32_t t = 0; t < 32; ++t) batch.positions.push_back(t);
    batch.segment_offsets = {0, static_cast<std::int32_t>(length), 32};
    return engine->prefill(batch.view());
  };
  const std::vector<float> whole = prefill(ids.size());
  prefill(4);
  std::vector<float> stepped;
  for (std::size_t t = 4; t < ids.size(); ++t) {
    stepped = engine->decode(ids[t], static_cast<std::int32_t>(t));
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    ASSERT_NEAR(stepped[i], whole[i], 2e-5F * (1.0F + std::abs(whole[i]))) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models,
                         EngineGeneration,
                         testing::Values("llama_tied", "mistral", "qwen3", "gpt2"));

TEST(Engine, RefusesACapThatIsOneByteTooSmall) {
  const GoldenModel golden = test::load_golden_model("llama_tied");
  const auto fits = make_engine(golden, Precision::kF32, {{Pass::kTrain, shape_of(1)}}, 1);
  EngineOptions options{.format = adamw_format(Precision::kF32),
                        .plan = Plan{},
                        .passes = {{Pass::kTrain, shape_of(1)}}};
  options.caps.bytes[0] = fits->use_of(Tier::kDevice).whole - Bytes{1};
  EXPECT_THROW(Engine(make_model(golden.config, DType::kF32), options), DoesNotFit);
  options.caps.bytes[0] = fits->use_of(Tier::kDevice).whole;
  EXPECT_NO_THROW(Engine(make_model(golden.config, DType::kF32), options));
}

}  // namespace
}  // namespace longhaul
