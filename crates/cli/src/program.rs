//! How this program is called in the commands that it prints.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The program's name on `PATH`.
const NAME: &str = "bucketry";

/// What a user types to run this program from any directory: `bucketry` if that is what `PATH` leads to, else the
/// absolute path of the executable, quoted for a shell.
pub(crate) fn command() -> String {
    match env::current_exe() {
        Ok(executable) => command_for(&executable, env::var_os("PATH").as_deref()),
        Err(_) => NAME.to_owned(),
    }
}

fn command_for(executable: &Path, search: Option<&OsStr>) -> String {
    let first = search.and_then(|search| {
        env::split_paths(search).map(|directory| directory.join(NAME)).find(|candidate| candidate.is_file())
    });
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    if first.is_some_and(|found| real(&found) == real(executable)) {
        return NAME.to_owned();
    }
    quoted(&executable.to_string_lossy())
}

/// A word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_on_the_path_is_called_by_its_name_and_any_other_by_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let installed = directory.path().join(NAME);
        std::fs::write(&installed, "").unwrap();
        let search = Some(directory.path().as_os_str());
        assert_eq!(command_for(&installed, search), "bucketry");
        let built = Path::new("/src/bucketry/target/debug/bucketry");
        assert_eq!(command_for(built, search), "/src/bucketry/target/debug/bucketry");
        assert_eq!(command_for(built, None), "/src/bucketry/target/debug/bucketry");
    }

    #[test]
    fn paths_with_spaces_and_quotes_are_quoted() {
        assert_eq!(command_for(Path::new("/home/it's me/bucketry"), None), r"'/home/it'\''s me/bucketry'");
    }
}
