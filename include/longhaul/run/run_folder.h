// The output folder of a run:
//
//   run.yaml              the resolved settings
//   plan.yaml             when and where everything happened
//   manifest.json         machine, device, versions
//   metrics.jsonl         one line per step
//   evaluations.jsonl     one line per evaluation
//   lanes.json            lanes and memory of a typical step
//   prediction.json       seconds of a step and its lanes, predicted and measured
//   checkpoints/step-N/   complete or not there
//   model/                the trained model, a Hugging Face folder
//   run.lock              held while a run writes
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

struct CheckpointFolder {
  std::int64_t step = 0;
  std::filesystem::path path;
};

// Holds the folder's lock from construction to destruction. A run that ends before it has written
// anything leaves no trace: what was made goes, an earlier run that was moved aside comes back.
class RunFolder {
 public:
  // Makes the folder or enters that of an earlier run, and removes what a killed run left half
  // written. With Resume::kNever an earlier run is moved aside to NAME.1, or the first number that
  // is free. Throws IoError; Error when another run holds the lock, and when the folder holds files
  // of something else: they are never touched.
  RunFolder(const std::filesystem::path& path, Resume resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path config_file() const { return path_ / "run.yaml"; }
  std::filesystem::path plan_file() const { return path_ / "plan.yaml"; }
  std::filesystem::path manifest_file() const { return path_ / "manifest.json"; }
  std::filesystem::path metrics_file() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path evaluations_file() const { return path_ / "evaluations.jsonl"; }
  std::filesystem::path lanes_file() const { return path_ / "lanes.json"; }
  std::filesystem::path prediction_file() const { return path_ / "prediction.json"; }
  std::filesystem::path model_folder() const { return path_ / "model"; }
  // Where a checkpoint belongs; it must appear there in one step (AtomicFolder).
  std::filesystem::path checkpoint_folder(std::int64_t step) const;

  // Where an earlier run went when it was moved aside; empty otherwise.
  const std::filesystem::path& moved_aside() const { return moved_aside_; }

  // Complete checkpoints by ascending step.
  std::vector<CheckpointFolder> checkpoints() const;
  std::optional<CheckpointFolder> newest_checkpoint() const;
  // Removes all but the `keep` >= 1 newest.
  void prune_checkpoints(std::int64_t keep) const;

  // Of the run that is resumed; none where there is no checkpoint.
  std::optional<RunConfig> earlier_settings() const;
  // Where there is a checkpoint to resume: throws ConfigError that lists every setting of the
  // earlier run that changes numbers and is not as in `resolved`.
  void check_same_run(const RunConfig& resolved) const;
  // The manifest of the earlier run; null when there is none.
  Json earlier_manifest() const;
  // Writes run.yaml and manifest.json, each atomically.
  void write_settings(const RunConfig& resolved, const Json& manifest) const;

 private:
  void enter(bool has_earlier_run, Resume resume);
  void make_folders();
  void lock();
  void unlock();
  void move_aside();
  // Undoes the constructor where nothing but the lock is in the folder.
  void leave();

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_folders_;  // the folder and its parents, outermost first
  std::filesystem::path moved_aside_;
  int lock_descriptor_ = -1;
};

// `path` itself when it is a model folder, else the model in it when it is the folder of a run.
// Throws Error when there is nothing, or a GGUF file, with what to do.
std::filesystem::path find_model_folder(const std::filesystem::path& path);

}  // namespace longhaul
