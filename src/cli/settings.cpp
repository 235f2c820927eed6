#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "longhaul/core/error.h"

#include "verbs.h"

namespace longhaul {

void add_overrides(CLI::App& verb, std::vector<std::string>& overrides) {
  verb.add_option("--set", overrides, "Change a setting for this call; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

RunConfig load_run_config(const std::string& file, const std::vector<std::string>& overrides) {
  Document document = load_document(file);
  apply_overrides(document, overrides);
  return parse_run_config(document);
}

bool is_run_file(const std::string& subject) {
  return subject.ends_with(".yaml") || subject.ends_with(".yml");
}

RunConfig load_subject(const std::string& subject, const std::vector<std::string>& overrides) {
  if (is_run_file(subject)) return load_run_config(subject, overrides);
  Document document = parse_document("", "command line");
  std::vector<std::string> settings{
      "model=" + subject, "output=none", "data.train=none", "plan=auto"};
  settings.insert(settings.end(), overrides.begin(), overrides.end());
  apply_overrides(document, settings);
  RunConfig config = parse_run_config(document);
  config.data.train.clear();
  return config;
}

RunConfig make_model_config(std::vector<std::string> given,
                            const std::vector<std::string>& overrides) {
  Document document = parse_document("", "command line");
  given.insert(given.end(), overrides.begin(), overrides.end());
  apply_overrides(document, given);
  return parse_run_config(document, Purpose::kUseModel);
}

}  // namespace longhaul
