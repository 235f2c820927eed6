#include "runtime/device_conformance.h"

#include <random>

namespace longhaul::test {
namespace {

TEST_P(DeviceConformance, CopiesBetweenEveryPairOfTiersAtOddOffsetsAndSizes) {
  const auto device = make_device();
  for (const Tier from : kTiers) {
    for (const Tier to : kTiers) {
      if (from == Tier::kDisk && to == Tier::kDisk) continue;
      for (const std::size_t size : {1U, 4095U, 65537U, 1048583U}) {
        // Ranges on disk begin at units.
        const Location source{from, from == Tier::kDisk ? kDiskUnit : Bytes{1237}};
        const Location target{to, to == Tier::kDisk ? kDiskUnit * 20 : Bytes{1500001}};
        const Content content = numbers(size, static_cast<unsigned>(size));
        const Content around(16, 0xAB);
        put(*device, source, content);
        if (to != Tier::kDisk) {
          put(*device, {to, target.offset - Bytes{16}}, around);
          put(*device, {to, target.offset + Bytes{static_cast<std::int64_t>(size)}}, around);
        }

        device->copy(target, source, Bytes{static_cast<std::int64_t>(size)});

        SCOPED_TRACE(concat(name_of(from), " to ", name_of(to), ", ", size, " B"));
        EXPECT_EQ(get(*device, target, size), content);
        if (to == Tier::kDisk) continue;
        EXPECT_EQ(get(*device, {to, target.offset - Bytes{16}}, 16), around);
        EXPECT_EQ(get(*device, {to, target.offset + Bytes{static_cast<std::int64_t>(size)}}, 16),
                  around);
      }
    }
  }
}

TEST_P(DeviceConformance, RefusesACopyFromDiskToDisk) {
  const auto device = make_device();
  put(*device, {Tier::kDisk, {}}, numbers(100, 1));
  EXPECT_THROW(device->copy({Tier::kDisk, kDiskUnit}, {Tier::kDisk, {}}, {100}), InvalidArgument);
}

TEST_P(DeviceConformance, HasTheCapacityThatWasAskedForToTheByte) {
  for (const Bytes size : {1_MiB, 1_MiB + Bytes{256}, 3_MiB - Bytes{1}}) {
    const auto device = make_device(size);
    for (const Tier tier : kTiers) EXPECT_EQ(device->capacity(tier), size) << name_of(tier);
  }
}

TEST_P(DeviceConformance, HasNoMemoryThatWasNotAskedFor) {
  const auto device = GetParam().make({.device_memory = 1_MiB});
  EXPECT_EQ(device->capacity(Tier::kHost), Bytes{});
  EXPECT_EQ(device->capacity(Tier::kDisk), Bytes{});
  EXPECT_EQ(device->base(Tier::kHost), nullptr);
  EXPECT_EQ(device->base(Tier::kDisk), nullptr);
  EXPECT_THROW(device->copy({Tier::kDevice, {}}, {Tier::kDisk, {}}, {1}), InvalidArgument);
}

TEST_P(DeviceConformance, AnArenaOneByteTooSmallIsRefusedWithBothNumbers) {
  for (const Tier tier : kTiers) {
    Script script;
    script.buffer(tier, 1_MiB);
    const PlacedSchedule placed = place(script.schedule());
    const auto device = make_device(1_MiB - Bytes{1});
    try {
      const Executor executor(placed, *device, script);
      FAIL() << name_of(tier) << ": accepted";
    } catch (const OutOfMemory& error) {
      EXPECT_EQ(error.tier(), name_of(tier));
      EXPECT_EQ(error.requested(), 1048576);
      EXPECT_EQ(error.available(), 1048575);
    }
    const auto large_enough = make_device(1_MiB);
    EXPECT_NO_THROW(Executor(placed, *large_enough, script));
  }
}

TEST_P(DeviceConformance, EveryLaneWaitsForAProducerOnEveryOther) {
  const auto device = make_device();
  for (const Lane producer : kLanes) {
    for (const Lane consumer : kLanes) {
      if (producer == consumer) continue;
      Script script;
      const BufferId made = script.buffer(tier_of(producer), kSize);
      const BufferId result = script.buffer(tier_of(consumer), kSize);
      const OpId first = script.add(producer, made, kNone, fill(7, microseconds(2000)));
      script.add(consumer, result, made, copy(), {{first}});
      const PlacedSchedule placed = place(script.schedule());
      put(*device, {tier_of(producer), placed.offsets[0]}, filled(1));

      Executor(placed, *device, script).run();

      EXPECT_EQ(content_of(*device, placed, result), filled(7))
          << name_of(producer) << " to " << name_of(consumer);
    }
  }
}

TEST_P(DeviceConformance, ACopyOfTheExecutorWaitsForItsProducer) {
  const auto device = make_device();
  Script script;
  const BufferId loaded = script.buffer(Tier::kHost, kSize);
  const BufferId slot = script.buffer(Tier::kDevice, kSize);
  const BufferId computed = script.buffer(Tier::kDevice, kSize);
  const BufferId back = script.buffer(Tier::kHost, kSize);
  const OpId made = script.add(Lane::kHost, loaded, kNone, fill(9, microseconds(50000)));
  const OpId up = script.copy(Lane::kH2d, slot, loaded, {{made}});
  const OpId used = script.add(Lane::kCompute, computed, slot, copy(), {{up}});
  const OpId down = script.copy(Lane::kD2h, back, computed, {{used}});
  const PlacedSchedule placed = place(script.schedule());
  put(*device, {Tier::kHost, placed.offsets[loaded.index()]}, filled(1));
  Executor executor(placed, *device, script);

  const Timeline& timeline = executor.run();

  EXPECT_EQ(content_of(*device, placed, back), filled(9));
  // A GPU has a clock of its own, which is set by the host's where the system lets its thread run.
  const double skew = GetParam().name.starts_with("Cuda") ? 0.025 : 0.0;
  EXPECT_GE(timeline.ops[made.index()].end.value, 0.05);
  EXPECT_GE(timeline.ops[up.index()].end.value, timeline.ops[made.index()].end.value - skew);
  EXPECT_GE(timeline.ops[down.index()].end.value, timeline.ops[up.index()].end.value - skew);
}

TEST_P(DeviceConformance, ALaneRunsItsOpsInOrder) {
  const auto device = make_device();
  for (const Lane lane : kLanes) {
    Script script;
    const BufferId buffer = script.buffer(tier_of(lane), kSize);
    const BufferId result = script.buffer(tier_of(lane), kSize);
    script.add(lane, buffer, kNone, fill(1, microseconds(1000)));
    script.add(lane, buffer, kNone, fill(2));
    script.add(lane, result, buffer, copy());
    script.add(lane, buffer, kNone, fill(3));
    const PlacedSchedule placed = place(script.schedule());
    Executor executor(placed, *device, script);
    for (int pass = 0; pass < 3; ++pass) {
      executor.run();
      EXPECT_EQ(content_of(*device, placed, buffer), filled(3)) << name_of(lane);
      EXPECT_EQ(content_of(*device, placed, result), filled(2)) << name_of(lane);
    }
  }
}

// Copies between a few buffers on random lanes, each after whatever touched its two buffers
// before. What they leave behind is what the same copies leave when run one after the other.
TEST_P(DeviceConformance, RandomSchedulesLeaveWhatTheirOpsLeaveOneByOne) {
  const auto device = make_device();
  for (unsigned seed = 0; seed < 12; ++seed) {
    std::mt19937 random(seed);
    Script script;
    std::vector<BufferId> buffers;
    std::vector<std::vector<OpId>> users;  // of a buffer, so far
    std::vector<unsigned char> expected;
    for (int i = 0; i < 8; ++i) {
      buffers.push_back(script.buffer(i % 2 == 0 ? Tier::kDevice : Tier::kHost, kSize));
      users.emplace_back();
      expected.push_back(static_cast<unsigned char>(i + 1));
    }
    for (int i = 0; i < 240; ++i) {
      const Lane lane = kLanes[random() % kLanes.size()];
      const std::size_t from = random() % 8;
      const std::size_t to = random() % 4 * 2 + (tier_of(lane) == Tier::kHost ? 1 : 0);
      if (from == to) continue;
      std::vector<OpId> after = users[to];
      after.insert(after.end(), users[from].begin(), users[from].end());
      const OpId op = script.add(lane, buffers[to], buffers[from], copy(), after);
      users[to].push_back(op);
      users[from].push_back(op);
      expected[to] = expected[from];
    }
    const PlacedSchedule placed = place(script.schedule());
    Executor executor(placed, *device, script);
    for (int pass = 0; pass < 3; ++pass) {
      for (std::size_t i = 0; i < 8; ++i) {
        put(*device,
            {placed.schedule[buffers[i]].tier, placed.offsets[i]},
            filled(static_cast<unsigned char>(i + 1)));
      }
      executor.run();
      for (std::size_t i = 0; i < 8; ++i) {
        ASSERT_EQ(content_of(*device, placed, buffers[i]), filled(expected[i]))
            << "seed " << seed << ", pass " << pass << ", buffer " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         DeviceConformance,
                         testing::ValuesIn(device_kinds()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace longhaul::test
