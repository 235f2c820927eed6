#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"

#include "interrupt.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct GenerateArguments {
  std::string model;
  std::string prompt;
  bool has_prompt = false;
  std::string system;
  bool is_raw = false;
  SamplingOptions sampling;
  std::vector<std::string> overrides;
};

Message make_message(const std::string& role, const std::string& text) {
  return {.role = role, .content = Json(text)};
}

std::vector<Message> opening(const GenerateArguments& arguments) {
  if (arguments.system.empty()) return {};
  return {make_message("system", arguments.system)};
}

Generation write_reply(TextGenerator& generator,
                       const Prompt& prompt,
                       const GenerateArguments& arguments,
                       Console& console) {
  Generation generation = generator.generate(
      prompt, arguments.sampling, [&](std::string_view piece) { console.print(piece); });
  console.print("\n");
  return generation;
}

// One prompt, one answer.
void answer(TextGenerator& generator, const GenerateArguments& arguments, Program& program) {
  std::string text = arguments.prompt;
  if (!arguments.has_prompt) text.assign(std::istreambuf_iterator<char>(std::cin), {});
  Prompt prompt{.text = text};
  if (!arguments.is_raw && generator.has_chat_template()) {
    prompt = {.messages = opening(arguments)};
    prompt.messages.push_back(make_message("user", text));
  }
  write_reply(generator, prompt, arguments, program.console);
  if (program.stop) program.exit_code = kExitInterrupted;
}

// A conversation, line by line, until the end of input.
void converse(TextGenerator& generator, const GenerateArguments& arguments, Program& program) {
  Prompt prompt{.messages = opening(arguments)};
  program.console.print("Type a message, Ctrl-D ends.\n> ");
  for (std::string line; !program.stop && std::getline(std::cin, line);) {
    if (!line.empty()) {
      prompt.messages.push_back(make_message("user", line));
      const Generation reply = write_reply(generator, prompt, arguments, program.console);
      prompt.messages.push_back(make_message("assistant", reply.text));
    }
    if (!program.stop) program.console.print("> ");
  }
  program.console.print("\n");
  if (program.stop) program.exit_code = kExitInterrupted;
}

void generate(const GenerateArguments& arguments, Program& program) {
  const RunConfig config =
      make_model_config({"model=" + to_yaml_scalar(arguments.model)}, arguments.overrides);
  catch_signals();
  const std::unique_ptr<TrainingHalf> half = load_training_half();
  const std::unique_ptr<TextGenerator> generator =
      half->load_generator(config,
                           [&](const Progress& progress) { program.console.status(progress); },
                           {program.console, program.stop});
  program.console.clear_status();
  const bool is_chat = !arguments.is_raw && generator->has_chat_template();
  if (!arguments.has_prompt && program.console.stdin_is_terminal() && is_chat) {
    converse(*generator, arguments, program);
  } else {
    answer(*generator, arguments, program);
  }
}

}  // namespace

void add_generate(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<GenerateArguments>();
  SamplingOptions& sampling = arguments->sampling;
  CLI::App* verb = app.add_subcommand("generate", "Let a model write");
  verb->add_option("MODEL", arguments->model, "A model folder, or the output folder of a run")
      ->required();
  CLI::Option* prompt = verb->add_option(
      "PROMPT", arguments->prompt, "What to answer; else a conversation, or standard input");
  verb->add_option("--system", arguments->system, "A system message before the prompt");
  verb->add_flag("--raw", arguments->is_raw, "Continue the prompt as it is, without chat template");
  verb->add_option("--max-new-tokens", sampling.max_new_tokens, "Stop after so many tokens")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}).description(""))
      ->capture_default_str();
  verb->add_option("--temperature", sampling.temperature, "0 takes the likeliest token")
      ->check(CLI::Range(0.0, 100.0).description(""))
      ->capture_default_str();
  verb->add_option("--top-p", sampling.top_p, "Choose among tokens of this share of probability")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->capture_default_str();
  verb->add_option("--top-k", sampling.top_k, "Choose among so many tokens; 0 among all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1'000'000}).description(""))
      ->capture_default_str();
  verb->add_option("--seed", sampling.seed, "The same seed gives the same text")
      ->capture_default_str();
  add_overrides(*verb, arguments->overrides);
  verb->footer("For example: longhaul generate runs/first \"What is longhaul?\"");
  verb->callback([arguments, prompt, &program] {
    arguments->has_prompt = prompt->count() > 0;
    generate(*arguments, program);
  });
}

}  // namespace longhaul
