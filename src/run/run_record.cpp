#include "longhaul/run/run_record.h"

#include <string>
#include <system_error>

#include "longhaul/config/document.h"
#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/run/run_file.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& file) {
  std::error_code error;
  return fs::exists(file, error);
}

Json load_json(const fs::path& file) {
  return is_there(file) ? Json::parse(read_text_file(file), file.string()) : Json();
}

}  // namespace

RunRecord load_run_record(const fs::path& folder) {
  const fs::path config = folder / "run.yaml";
  const fs::path metrics = folder / "metrics.jsonl";
  const fs::path plan = folder / "plan.yaml";
  const fs::path evaluations = folder / "evaluations.jsonl";
  if (!is_there(folder)) throw Error(concat(folder.string(), ": no such folder"));
  if (!is_there(config)) {
    throw Error(concat(folder.string(), ": has no run.yaml, expected the output folder of a run"));
  }
  RunRecord record{.path = folder,
                   .config = parse_run_config(load_document(config.string())),
                   .manifest = load_json(folder / "manifest.json"),
                   .lanes = load_json(folder / "lanes.json"),
                   .prediction = load_json(folder / "prediction.json"),
                   .is_finished = is_there(folder / "model" / "config.json")};
  if (is_there(metrics)) record.metrics = read_metrics(metrics.string());
  if (record.metrics.empty()) {
    throw Error(concat(metrics.string(), ": holds no step, expected a run that has done one"));
  }
  if (is_there(plan)) record.plan = load_plan(plan.string());
  if (is_there(evaluations)) record.evaluations = read_evaluations(evaluations.string());
  return record;
}

}  // namespace longhaul
