//! Mark of a sandbox in the prompt of an interactive shell, by the means that each shell has; pure.

use isotest_core::plan::Workload;
use std::ffi::{OsStr, OsString};

/// Shells that print what the variable `PS1` of their environment holds.
const PLAIN: [&str; 7] = ["sh", "dash", "ash", "busybox", "ksh", "mksh", "yash"];

/// Puts `(isotest)` into the prompt before every line, over what the files of bash set it to.
const BASH: &str = "case $PS1 in '(isotest) '*) ;; *) { PS1=\"(isotest) $PS1\"; } 2> /dev/null ;; esac";

/// Defines the prompt of fish anew, around that of its files.
const FISH: &str = "functions --copy fish_prompt isotest_prompt; \
                    function fish_prompt; echo -n '(isotest) '; isotest_prompt; end";

/// Lets the shell that the workload executes show that it is in a sandbox. A shell that has no means for it stays as
/// it is.
pub(super) fn mark(workload: &mut Workload, is_root: bool) {
    let Some(name) = workload.program.file_name().and_then(OsStr::to_str) else { return };
    let environment = &mut workload.environment;
    match name {
        "bash" => {
            let mut commands = take(environment, "PROMPT_COMMAND").unwrap_or_default();
            if !commands.is_empty() {
                commands.push("\n");
            }
            commands.push(BASH);
            environment.push(("PROMPT_COMMAND".into(), commands));
        }
        "zsh" => {
            // On the right, since its files nearly always set the prompt on the left.
            take(environment, "RPROMPT");
            environment.push(("RPROMPT".into(), "(isotest)".into()));
        }
        "fish" => workload.arguments.extend(["--init-command".into(), FISH.into()]),
        _ if PLAIN.contains(&name) => {
            let usual = if is_root { "# " } else { "$ " };
            let mut prompt = OsString::from("(isotest) ");
            prompt.push(take(environment, "PS1").unwrap_or_else(|| usual.into()));
            environment.push(("PS1".into(), prompt));
        }
        _ => (),
    }
}

/// Removes the variable from the environment, and returns its value.
fn take(environment: &mut Vec<(OsString, OsString)>, name: &str) -> Option<OsString> {
    let at = environment.iter().position(|(variable, _)| variable == name)?;
    Some(environment.remove(at).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(shell: &str, variables: &[(&str, &str)]) -> Workload {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut workload =
            Workload { program: shell.into(), arguments: Vec::new(), environment, directory: "/".into() };
        mark(&mut workload, true);
        workload
    }

    fn variable(shell: &str, variables: &[(&str, &str)]) -> Option<OsString> {
        let mut environment = marked(shell, variables).environment;
        assert!(environment.len() <= 1, "{environment:?}");
        environment.pop().map(|(_, value)| value)
    }

    #[test]
    fn what_the_caller_has_set_stays() {
        assert_eq!(variable("/bin/sh", &[]).unwrap(), "(isotest) # ");
        assert_eq!(variable("/bin/dash", &[("PS1", "> ")]).unwrap(), "(isotest) > ");
        assert_eq!(variable("/bin/bash", &[]).unwrap(), BASH);
        let both = variable("/bin/bash", &[("PROMPT_COMMAND", "date")]).unwrap();
        assert_eq!(both.to_str().unwrap(), format!("date\n{BASH}"));
        assert_eq!(variable("/bin/zsh", &[("RPROMPT", "%T")]).unwrap(), "(isotest)");
    }

    #[test]
    fn a_shell_without_a_means_is_left_alone() {
        assert_eq!(variable("/usr/bin/nu", &[("PS1", "> ")]).unwrap(), "> ");
        assert!(marked("/usr/bin/nu", &[]).arguments.is_empty());
        assert_eq!(marked("/usr/bin/fish", &[]).arguments, ["--init-command", FISH]);
    }
}
