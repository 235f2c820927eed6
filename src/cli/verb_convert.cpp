#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/formats/gguf.h"

#include "interrupt.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct ConvertArguments {
  std::string file;
  std::string folder;
  bool replaces = false;
};

void convert(const ConvertArguments& arguments, Program& program) {
  catch_signals();
  const GgufConversion conversion =
      convert_gguf(arguments.file,
                   arguments.folder,
                   {.if_exists = arguments.replaces ? IfExists::kReplace : IfExists::kRefuse,
                    .on_progress = [&](std::int64_t done, std::int64_t total) {
                      // Unwinding removes what was written so far.
                      if (program.stop) throw Error("interrupted, nothing was written");
                      program.console.status({"converting", done, total, "parameters"});
                    }});
  program.console.print(concat(arguments.folder,
                               ": ",
                               conversion.architecture,
                               ", ",
                               conversion.parameters,
                               " parameters in ",
                               name_of(conversion.dtype),
                               ", vocabulary of ",
                               conversion.vocabulary,
                               "\n"));
}

}  // namespace

void add_convert(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* verb = app.add_subcommand("convert", "Turn a GGUF file into a model folder");
  verb->add_option("FILE.gguf", arguments->file, "The model as GGUF, quantised or not")->required();
  verb->add_option("FOLDER", arguments->folder, "The model folder to make")->required();
  verb->add_flag("--replace", arguments->replaces, "Replace a folder that is there");
  verb->footer(
      "The folder is what transformers loads: config.json, safetensors, tokenizer, chat template.\n"
      "No weight is rounded, so quantised models come out in fp32.");
  verb->callback([arguments, &program] { convert(*arguments, program); });
}

}  // namespace longhaul
