/**
 * Completion scripts for shells, made of the table of flags.
 */

import { type Flag, RUN_FLAGS } from './flags.js';

const COMMANDS = ['run', 'completion', 'help'];
const SHELLS = ['bash', 'zsh', 'fish'];

/** The script of a shell; undefined for one that is not known. */
export function completionScript(shell: string): string | undefined {
  switch (shell) {
    case 'bash':
      return bash();
    case 'zsh':
      // zsh runs bash's scripts through its own adapter.
      return `#compdef heddle\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`;
    case 'fish':
      return fish();
    default:
      return undefined;
  }
}

/** "-i, --input <file>" → ["-i", "--input"] */
function namesOf(flag: Flag): string[] {
  return flag.spec.split(/[ ,]+/).filter((part) => part.startsWith('-'));
}

function bash(): string {
  const flags = RUN_FLAGS.flatMap(namesOf).join(' ');
  const choices = RUN_FLAGS.filter((flag) => flag.choices !== undefined).map(
    (flag) =>
      `    ${namesOf(flag).join('|')}) COMPREPLY=( $(compgen -W "${flag.choices?.join(' ')}" -- "$word") ); return ;;`,
  );
  return `# heddle completion for bash: add to ~/.bashrc
#   source <(heddle completion bash)
_heddle() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  case "$before" in
    heddle) COMPREPLY=( $(compgen -W "${COMMANDS.join(' ')}" -- "$word") ); return ;;
    completion) COMPREPLY=( $(compgen -W "${SHELLS.join(' ')}" -- "$word") ); return ;;
${choices.join('\n')}
  esac
  if [[ $word == -* && \${COMP_WORDS[1]} == run ]]; then
    COMPREPLY=( $(compgen -W "${flags} --help" -- "$word") )
  else
    COMPREPLY=( $(compgen -f -- "$word") )
  fi
}
complete -o filenames -F _heddle heddle
`;
}

function fish(): string {
  const lines = RUN_FLAGS.map((flag) => {
    const names = namesOf(flag).map((name) =>
      name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
    );
    const takesValue = flag.spec.includes('<');
    const value = !takesValue
      ? ''
      : flag.choices !== undefined
        ? ` -x -a '${flag.choices.join(' ')}'`
        : flag.isFile === true
          ? ' -r -F'
          : ' -x';
    return `complete -c heddle -n '__fish_seen_subcommand_from run' ${names.join(' ')}${value} -d '${flag.help.replaceAll("'", "\\'")}'`;
  });
  return `# heddle completion for fish: save as ~/.config/fish/completions/heddle.fish
complete -c heddle -n __fish_use_subcommand -f -a '${COMMANDS.join(' ')}'
complete -c heddle -n '__fish_seen_subcommand_from completion' -f -a '${SHELLS.join(' ')}'
${lines.join('\n')}
`;
}
