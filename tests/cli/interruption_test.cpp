// Runs that end before their time. Whatever happens, what is on the disk is whole, and the same
// command goes on to the same bits.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "longhaul/core/json.h"

#include "small_run.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A disk that has room for `bytes` in one file, for every user and on every file system.
std::function<void()> full_after(rlim_t bytes) {
  return [bytes] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  };
}

// Whole lines, but for the seconds.
std::vector<std::string> metrics_of(const test::Files& run) {
  std::vector<std::string> lines;
  const std::string& text = run.at("metrics.jsonl");
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    const std::string line = text.substr(begin, end - begin);
    lines.push_back(line.substr(0, line.find(",\"seconds\":")));
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size()) << "a torn line";
  return lines;
}

std::vector<std::string> half_written(const test::Files& run) {
  std::vector<std::string> names;
  for (const auto& [name, content] : run) {
    if (name.find(".longhaul-") != std::string::npos || name.ends_with(".removed/")) {
      names.push_back(name);
    }
  }
  return names;
}

void expect_same_run(const test::Files& actual, const test::Files& expected) {
  EXPECT_EQ(metrics_of(actual), metrics_of(expected));
  EXPECT_THAT(half_written(actual), IsEmpty());
  for (const auto& [name, content] : expected) {
    if (name.starts_with("checkpoints/") || name.starts_with("model/")) {
      EXPECT_TRUE(actual.contains(name) && actual.at(name) == content) << name;
    }
  }
}

class Interruption : public test::SmallRun {
 protected:
  test::Files output_files() const { return test::snapshot(output()); }

  // A run of many steps in which the moments and the rounded weights matter.
  Words long_run(const fs::path& to) const {
    return {"train",
            run_file(),
            "--set",
            "output=" + to.string(),
            "--set",
            "training={steps: 40, precision: bf16}",
            "--set",
            "checkpoint.every=5"};
  }

  // With the states in a store on disk, unless a later setting says otherwise.
  Words on_disk(Words words) const {
    const Words more{"--set",
                     "limits.disk=[{path: " + folder_.path().string() + ", capacity: 1GiB}]",
                     "--set",
                     "plan=zero_infinity"};
    words.insert(words.begin() + 2, more.begin(), more.end());
    return words;
  }

  // The error of the long run when `damage` does something to the file of its store in the middle.
  std::string error_after(const std::function<void(int, off_t)>& damage) const {
    test::Process process(LONGHAUL_PROGRAM, on_disk(long_run(output())));
    process.wait_for("checkpoint " + (output() / "checkpoints/step-10").string());
    const int store = ::open(store_of(process.id()).c_str(), O_RDWR | O_CLOEXEC);
    struct stat status {};
    EXPECT_EQ(::fstat(store, &status), 0);
    damage(store, status.st_size);
    ::close(store);
    const test::Outcome outcome = process.wait();
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    EXPECT_THAT(half_written(output_files()), IsEmpty());
    return outcome.err;
  }

  // The unnamed file of the store of a process, by a name that others can open.
  std::string store_of(pid_t id) const {
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(id) + "/fd")) {
      std::error_code ignored;
      const std::string target = fs::read_symlink(entry.path(), ignored).string();
      if (target.starts_with(folder_.path().string()) && target.ends_with(" (deleted)")) {
        return entry.path().string();
      }
    }
    return {};
  }

  // What the long run comes to when nothing disturbs it.
  test::Files undisturbed() const {
    EXPECT_EQ(run(long_run(folder_ / "undisturbed")).exit_code, 0);
    return test::snapshot(folder_ / "undisturbed");
  }

  void expect_resumes_like_undisturbed() const {
    EXPECT_THAT(half_checkpoints_that_look_whole(), IsEmpty());
    const test::Outcome resumed = run(long_run(output()));
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(resumed.out, HasSubstr("resumed after step "));
    expect_same_run(output_files(), undisturbed());
  }

  std::vector<std::string> half_checkpoints_that_look_whole() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(output() / "checkpoints")) {
      const bool looks_whole = entry.path().extension().empty();
      const bool is_whole = fs::exists(entry.path() / "progress.json") &&
                            fs::exists(entry.path() / "states.safetensors");
      if (looks_whole && !is_whole) names.push_back(entry.path().string());
    }
    return names;
  }
};

TEST_F(Interruption, ByKillGoesOnWithTheSameBits) {
  test::Process process(LONGHAUL_PROGRAM, long_run(output()));
  process.wait_for("step 10/40  checkpoint");
  process.signal(SIGKILL);
  ASSERT_EQ(process.wait().exit_code, 128 + SIGKILL);
  expect_resumes_like_undisturbed();
}

TEST_F(Interruption, ByKillWhileACheckpointIsWrittenGoesOnWithTheSameBits) {
  test::Process process(LONGHAUL_PROGRAM, long_run(output()));
  process.wait_for("step 5/40  checkpoint");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!fs::exists(output() / "checkpoints/step-10.longhaul-tmp") &&
         !fs::exists(output() / "checkpoints/step-10") &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  process.signal(SIGKILL);
  ASSERT_EQ(process.wait().exit_code, 128 + SIGKILL);
  expect_resumes_like_undisturbed();
}

TEST_F(Interruption, ByCtrlCLeavesACheckpointAndGoesOnWithTheSameBits) {
  test::Process process(LONGHAUL_PROGRAM, long_run(output()));
  process.wait_for("step 1/40");
  process.signal(SIGINT);
  const test::Outcome outcome = process.wait();
  ASSERT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.out, HasSubstr("; the same command goes on from " + output().string()));
  EXPECT_THAT(half_written(output_files()), IsEmpty());
  EXPECT_FALSE(fs::exists(output() / "model"));
  expect_resumes_like_undisturbed();
}

TEST_F(Interruption, ByAFullDiskBeforeTheFirstStepLeavesNoTrace) {
  const test::Files before = files();
  const test::Outcome outcome = train(full_after(100));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err,
              HasSubstr((output() / "run.yaml.longhaul-tmp").string() + ": cannot write: "));
  EXPECT_THAT(test::changes(before, files()), IsEmpty());
}

TEST_F(Interruption, ByAFullDiskWhileConvertingLeavesNoTrace) {
  const test::Files before = files();
  const fs::path target = folder_ / "models/converted";
  const test::Outcome outcome =
      run({"convert", LONGHAUL_TEST_DATA "/formats/llama.gguf", target}, full_after(50'000));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err,
              HasSubstr(target.string() + ".longhaul-tmp/model.safetensors: cannot write: "));
  EXPECT_THAT(test::changes(before, files()), IsEmpty());
}

TEST_F(Interruption, ByAFullDiskKeepsWholeLinesOfMetrics) {
  const test::Outcome outcome =
      run({"train", run_file(), "--set", "training.steps=120", "--set", "checkpoint.every=none"},
          full_after(10'000));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err,
              HasSubstr((output() / "metrics.jsonl").string() + ": cannot be written"));
  EXPECT_THAT(metrics_of(output_files()), Not(IsEmpty()));
}

TEST_F(Interruption, ByAFullDiskAtACheckpointKeepsTheOneBefore) {
  ASSERT_EQ(train().exit_code, 0);
  const test::Files whole = output_files();
  for (const char* name : {"checkpoints/step-6", "model"}) fs::remove_all(output() / name);

  const test::Outcome outcome = train(full_after(200'000));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err,
              HasSubstr((output() / "checkpoints/step-6.longhaul-tmp/states.safetensors").string() +
                        ": cannot write: "));
  test::Files left = output_files();
  EXPECT_THAT(half_written(left), IsEmpty());
  EXPECT_EQ(left["checkpoints/step-4/states.safetensors"],
            whole.at("checkpoints/step-4/states.safetensors"));

  EXPECT_EQ(train().exit_code, 0);
  expect_same_run(output_files(), whole);
}

TEST_F(Interruption, ByAFullDiskAtTheModelKeepsTheOneBefore) {
  ASSERT_EQ(train().exit_code, 0);
  const test::Files whole = output_files();
  test::write_bytes(model() + "/LICENSE", std::string(1'000'000, 'x'));  // copied with the model

  const test::Outcome outcome = train(full_after(500'000));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err,
              HasSubstr((output() / "model.longhaul-tmp/LICENSE").string() + ": cannot write: "));
  expect_same_run(output_files(), whole);

  EXPECT_EQ(train().exit_code, 0);
  EXPECT_EQ(output_files().at("model/LICENSE").size(), 1'000'000U);
}

TEST_F(Interruption, ByADiskTooFullForItsStatesLeavesNoTrace) {
  const test::Files before = files();
  const test::Outcome outcome = run(on_disk({"train", run_file()}), full_after(100'000));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(folder_.path().string() + ": cannot reserve room"));
  EXPECT_THAT(outcome.err, HasSubstr("needs 1.00 MiB, free "));
  EXPECT_THAT(test::changes(before, files()), IsEmpty());
}

TEST_F(Interruption, ByStatesThatChangedOnTheDiskGoesOnFromTheCheckpoint) {
  const std::string error = error_after([](int store, off_t size) {
    const std::string other(static_cast<std::size_t>(size), '\xA5');
    EXPECT_EQ(::pwrite(store, other.data(), other.size(), 0), size);
    EXPECT_EQ(::fsync(store), 0);
  });
  EXPECT_THAT(error, HasSubstr("are not what was written"));
  EXPECT_THAT(error, HasSubstr("resume from the checkpoint"));
  expect_resumes_like_undisturbed();
}

TEST_F(Interruption, ByStatesThatTheDiskLostGoesOnFromTheCheckpoint) {
  const std::string error =
      error_after([](int store, off_t) { EXPECT_EQ(::ftruncate(store, 0), 0); });
  EXPECT_THAT(error, HasSubstr("on lane disk_read: " + folder_.path().string() + ": cannot read"));
  EXPECT_THAT(error, HasSubstr("nothing more is moved"));
  expect_resumes_like_undisturbed();
}

TEST_F(Interruption, ByAGradientThatIsNoNumberWritesNoCheckpoint) {
  // The gain of the last norm is finite, and what it is multiplied with is not any more.
  std::string bytes = test::read_bytes(weights());
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const Json tensors = Json::parse(bytes.substr(sizeof(header), header), weights());
  const std::vector<Json> range = tensors.at("model.norm.weight").at("data_offsets").elements();
  const float huge = 3e38F;
  for (std::int64_t at = range[0].as_int(); at < range[1].as_int(); at += sizeof(huge)) {
    std::memcpy(bytes.data() + sizeof(header) + header + at, &huge, sizeof(huge));
  }
  test::write_bytes(weights(), bytes);

  for (const auto& [plan, advice] :
       {std::pair{"resident", "or set training.on_nonfinite: skip"},
        std::pair{"lohan", "or take a plan that updates after the gradients are checked"}}) {
    const test::Outcome outcome = run(on_disk({"train",
                                               run_file(),
                                               "--set",
                                               "checkpoint.every=1",
                                               "--set",
                                               "training.max_grad_norm=none",
                                               "--set",
                                               std::string("plan=") + plan}));
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, HasSubstr("step 1: 27136 gradient elements are NaN or infinite"));
    EXPECT_THAT(outcome.err, HasSubstr(advice));
    EXPECT_FALSE(fs::exists(output() / "checkpoints")) << plan;
    EXPECT_FALSE(fs::exists(output() / "model")) << plan;
  }
}

}  // namespace
}  // namespace longhaul
