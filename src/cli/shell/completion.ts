/**
 * Completion scripts for shells, made of the tables of commands and flags.
 *
 * Names of sessions are listed by `compgen -d` and by fish's own lister, never put into a word list: bash would expand one, and a folder
 * may have any name.
 */

import { COMMANDS, type CommandRow } from '../commands/commands.js';
import type { Flag } from './flag.js';

const TABLE: readonly CommandRow[] = Object.values(COMMANDS);
const NAMES = [...new Set(TABLE.map(({ group, name }) => group ?? name)), 'completion', 'help'];
/** The words that stand in front of the commands of an integration. */
const GROUPS = [...new Set(TABLE.flatMap(({ group }) => group ?? []))];
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

/** The commands of a group: "call" */
function commandsOf(group: string): string {
  return TABLE.filter((row) => row.group === group)
    .map(({ name }) => name)
    .join(' ');
}

/** What a command is called within a script. */
function idOf({ group, name }: CommandRow): string {
  return group === undefined ? name : `${group}_${name}`;
}

function bash(): string {
  const choices = TABLE.flatMap((row) =>
    row.flags.flatMap((flag) =>
      flag.choices === undefined
        ? []
        : namesOf(flag).map(
            (flagName) =>
              `    ${idOf(row)}:${flagName}) COMPREPLY=( $(compgen -W "${flag.choices?.join(' ')}" -- "$word") ); return ;;`,
          ),
    ),
  );
  const flagsOf = TABLE.map(
    (row) => `    ${idOf(row)}) flags="${row.flags.flatMap(namesOf).join(' ')} --help" ;;`,
  );
  const groups = GROUPS.map(
    (group) =>
      `    ${group}) if [[ $COMP_CWORD -eq 2 ]]; then COMPREPLY=( $(compgen -W "${commandsOf(group)}" -- "$word") ); return; fi
      command=${group}_\${COMP_WORDS[2]} ;;`,
  );
  const withSession = TABLE.filter(({ takesSession }) => takesSession).map(({ name }) => name);
  return `# heddle completion for bash: add to ~/.bashrc
#   source <(heddle completion bash)
_heddle() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} flags=
  COMPREPLY=()
  case "$before" in
    heddle|help) COMPREPLY=( $(compgen -W "${NAMES.join(' ')}" -- "$word") ); return ;;
    completion) COMPREPLY=( $(compgen -W "${SHELLS.join(' ')}" -- "$word") ); return ;;
  esac
  case "$command" in
${groups.join('\n')}
  esac
  case "$command:$before" in
${choices.join('\n')}
    run:--session|http_call:--session|${withSession.map((name) => `${name}:${name}`).join('|')})
      if [[ $word != -* ]]; then
        COMPREPLY=( $(cd .heddle/sessions 2>/dev/null && compgen -d -- "$word") $(compgen -d -- "$word") ); return
      fi ;;
  esac
  case "$command" in
${flagsOf.join('\n')}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=( $(compgen -W "$flags" -- "$word") )
  else
    COMPREPLY=( $(compgen -f -- "$word") )
  fi
}
complete -o filenames -F _heddle heddle
`;
}

function fish(): string {
  const sessions = "'(command ls .heddle/sessions 2>/dev/null)'";
  const lines = TABLE.flatMap(({ group, name, help, flags, takesSession }: CommandRow) => {
    const within = group === undefined ? '' : `__fish_seen_subcommand_from ${group}; and `;
    const seen = `-n '${within}__fish_seen_subcommand_from ${name}'`;
    const unseen =
      group === undefined ? '__fish_use_subcommand' : `'${within}not __fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c heddle -n ${unseen} -f -a ${name} -d '${escaped(help)}'`,
      ...(takesSession === true ? [`complete -c heddle ${seen} -a ${sessions}`] : []),
      ...flags.map((flag) => {
        const names = namesOf(flag).map((flagName) =>
          flagName.startsWith('--') ? `-l ${flagName.slice(2)}` : `-s ${flagName.slice(1)}`,
        );
        return `complete -c heddle ${seen} ${names.join(' ')}${fishValue(flag, sessions)} -d '${escaped(flag.help)}'`;
      }),
    ];
  });
  return `# heddle completion for fish: save as ~/.config/fish/completions/heddle.fish
complete -c heddle -n __fish_use_subcommand -f -a '${[...GROUPS, 'completion', 'help'].join(' ')}'
complete -c heddle -n '__fish_seen_subcommand_from completion' -f -a '${SHELLS.join(' ')}'
${lines.join('\n')}
`;
}

function fishValue(flag: Flag, sessions: string): string {
  if (!flag.spec.includes('<')) return '';
  if (flag.choices !== undefined) return ` -x -a '${flag.choices.join(' ')}'`;
  if (flag.spec.startsWith('--session ')) return ` -r -F -a ${sessions}`;
  return flag.isFile === true ? ' -r -F' : ' -x';
}

function escaped(text: string): string {
  return text.replaceAll("'", "\\'");
}
