/**
 * Completion scripts for shells, made from the table of commands.
 *
 * Names of sessions are listed by `compgen -d` and by fish's own lister, never put into a word list: a folder
 * may have any name, and bash would expand the words.
 */

import { COMMANDS } from '../commands/commands.js';
import { type CommandRow, fullName } from './command-row.js';
import type { Flag } from './flag.js';

const GROUPS = [...new Set(COMMANDS.flatMap(({ group }) => group?.name ?? []))];
const NAMES = [...new Set(COMMANDS.map(({ group, name }) => group?.name ?? name)), 'completion', 'help'];
const SHELLS = ['bash', 'zsh', 'fish'];

/** The script for a shell; undefined for an unknown one. */
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

function takesSession(flag: Flag): boolean {
  return flag.spec.startsWith('--session ');
}

/** The name of a command within a script. */
function idOf(row: CommandRow): string {
  return fullName(row).replace(' ', '_');
}

function bash(): string {
  return `# heddle completion for bash: add to ~/.bashrc
#   source <(heddle completion bash)
_heddle() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]} flags=
  COMPREPLY=()
  case "$before" in
    heddle|help) ${offer(NAMES)}; return ;;
    completion) ${offer(SHELLS)}; return ;;
  esac
  case "$command" in
${GROUPS.map(bashGroup).join('\n')}
  esac
  case "$command:$before" in
${COMMANDS.flatMap(bashChoices).join('\n')}
    ${COMMANDS.flatMap(bashSessions).join('|')})
      if [[ $word != -* ]]; then
        COMPREPLY=( $(cd .heddle/sessions 2>/dev/null && compgen -d -- "$word") $(compgen -d -- "$word") )
        return
      fi ;;
  esac
  case "$command" in
${COMMANDS.map(bashFlags).join('\n')}
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

function offer(words: readonly string[]): string {
  return `COMPREPLY=( $(compgen -W "${words.join(' ')}" -- "$word") )`;
}

function bashGroup(group: string): string {
  const commands = COMMANDS.filter((row) => row.group?.name === group).map(({ name }) => name);
  return `    ${group}) if [[ $COMP_CWORD -eq 2 ]]; then ${offer(commands)}; return; fi
      command=${group}_\${COMP_WORDS[2]} ;;`;
}

function bashFlags(row: CommandRow): string {
  return `    ${idOf(row)}) flags="${row.flags.flatMap(namesOf).join(' ')} --help" ;;`;
}

/** The flags of a command whose values are listed. */
function bashChoices(row: CommandRow): string[] {
  return row.flags.flatMap((flag) => {
    const { choices } = flag;
    if (choices === undefined) return [];
    return namesOf(flag).map((name) => `    ${idOf(row)}:${name}) ${offer(choices)}; return ;;`);
  });
}

/** Where the word after is a session: "run:--session", "resume:resume". */
function bashSessions(row: CommandRow): string[] {
  return [
    ...row.flags.filter(takesSession).map(() => `${idOf(row)}:--session`),
    ...(row.takesSession === true ? [`${idOf(row)}:${row.name}`] : []),
  ];
}

const FISH_SESSIONS = "'(command ls .heddle/sessions 2>/dev/null)'";

function fish(): string {
  return `# heddle completion for fish: save as ~/.config/fish/completions/heddle.fish
complete -c heddle -n __fish_use_subcommand -f -a '${[...GROUPS, 'completion', 'help'].join(' ')}'
complete -c heddle -n '__fish_seen_subcommand_from completion' -f -a '${SHELLS.join(' ')}'
${COMMANDS.flatMap(fishLines).join('\n')}
`;
}

function fishLines({ group, name, help, flags, takesSession: hasSession }: CommandRow): string[] {
  const within = group === undefined ? '' : `__fish_seen_subcommand_from ${group.name}; and `;
  const seen = `-n '${within}__fish_seen_subcommand_from ${name}'`;
  const unseen =
    group === undefined ? '__fish_use_subcommand' : `'${within}not __fish_seen_subcommand_from ${name}'`;
  return [
    `complete -c heddle -n ${unseen} -f -a ${name} -d '${escaped(help)}'`,
    ...(hasSession === true ? [`complete -c heddle ${seen} -a ${FISH_SESSIONS}`] : []),
    ...flags.map((flag) => `complete -c heddle ${seen} ${fishFlag(flag)} -d '${escaped(flag.help)}'`),
  ];
}

function fishFlag(flag: Flag): string {
  const names = namesOf(flag).map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  return `${names.join(' ')}${fishValue(flag)}`;
}

function fishValue(flag: Flag): string {
  if (!flag.spec.includes('<')) return '';
  if (flag.choices !== undefined) return ` -x -a '${flag.choices.join(' ')}'`;
  if (takesSession(flag)) return ` -r -F -a ${FISH_SESSIONS}`;
  return flag.isFile === true ? ' -r -F' : ' -x';
}

function escaped(text: string): string {
  return text.replaceAll("'", "\\'");
}
