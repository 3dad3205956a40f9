import { Argument, Command } from "commander";

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

/** Words that may follow a command: its subcommands, its options, the choices of its arguments. */
interface Node {
  /** "millrace models pull" */
  readonly path: string;
  readonly words: readonly string[];
}

/** `millrace completion`: a script for the shell, made of the commands as they are. */
export function completionCommand(): Command {
  const command = new Command("completion")
    .description("Print a script that completes this program's commands and options.")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .addHelpText(
      "after",
      "\nbash, zsh: source <(millrace completion bash)\nfish:      millrace completion fish | source",
    );
  return command.action((shell: Shell) => {
    const nodes = nodesOf(command.parent!, command.parent!.name());
    process.stdout.write(shell === "fish" ? fishScript(nodes) : bashScript(nodes, shell));
  });
}

function nodesOf(command: Command, path: string): Node[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command).flatMap((sub) => [sub.name(), ...sub.aliases()]);
  const options = help.visibleOptions(command).flatMap(({ long }) => long ?? []);
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const words = [...subcommands, ...choices, ...options];
  const below = command.commands.flatMap((sub) =>
    [sub.name(), ...sub.aliases()].flatMap((name) => nodesOf(sub, `${path} ${name}`)),
  );
  return [{ path, words }, ...below];
}

/** Where no word fits, files are completed. zsh understands the script by its own emulation of bash. */
function bashScript(nodes: readonly Node[], shell: "bash" | "zsh"): string {
  const cases = nodes.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`);
  return `${shell === "zsh" ? "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n" : ""}_millrace() {
  local at=millrace words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
${nodes
  .slice(1)
  .map(({ path }) => `      "${path}"`)
  .join("|\\\n")}) at="$at $word" ;;
    esac
  done
  case "$at" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _millrace millrace
`;
}

function fishScript(nodes: readonly Node[]): string {
  const lines = nodes.map(({ path, words }) => {
    const [, ...commands] = path.split(" ");
    const seen = commands.map((name) => `__fish_seen_subcommand_from ${name}`);
    const condition = seen.length === 0 ? "__fish_use_subcommand" : seen.join("; and ");
    return `complete -c millrace -n '${condition}' -a '${words.join(" ")}'`;
  });
  return `${lines.join("\n")}\n`;
}
