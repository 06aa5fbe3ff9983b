// Completion scripts for bash, zsh and fish.

#include "cli/commands.h"

namespace baleen::cli {
namespace {

constexpr const char* kCommands =
    "run ingest worker status show stage rerun retry cancel backfill explain models doctor "
    "settings version up serve tokens pause resume "
    "completions";
constexpr const char* kStages = "decode features segments preview";

std::string bash_script() {
  return std::string(
             "_baleen() {\n"
             "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
             "  case $previous in\n"
             "    run) COMPREPLY=($(compgen -W ssis -- \"$current\")); return;;\n"
             "    stage) COMPREPLY=($(compgen -W '") +
         kStages +
         "' -- \"$current\")); return;;\n"
         "    models) COMPREPLY=($(compgen -W 'list add pull verify' -- \"$current\")); return;;\n"
         "    completions) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$current\")); return;;\n"
         "    --data) COMPREPLY=($(compgen -d -- \"$current\")); return;;\n"
         "  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         kCommands +
         " --data --json --quiet --help' -- \"$current\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -W '--data --json --quiet --help' -- \"$current\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _baleen baleen\n";
}

std::string fish_script() {
  return std::string("complete -c baleen -n __fish_use_subcommand -f -a '") + kCommands +
         "'\n"
         "complete -c baleen -n '__fish_seen_subcommand_from stage' -f -a '" +
         kStages +
         "'\n"
         "complete -c baleen -n '__fish_seen_subcommand_from models' -f -a 'list add pull verify'\n"
         "complete -c baleen -l data -r -d 'data directory'\n"
         "complete -c baleen -l json -d 'machine-readable output'\n"
         "complete -c baleen -l quiet -d 'no progress'\n";
}

}  // namespace

Result<std::string> completion_script(const std::string& shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script();
  if (shell == "fish") return fish_script();
  return fail(ErrorCode::invalid_argument,
              "there are completions for bash, zsh and fish, not for '{}'", shell);
}

}  // namespace baleen::cli
