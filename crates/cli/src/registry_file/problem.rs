//! What is wrong with a file, and where.

use std::fmt;

/// Of more problems, only the number is reported.
const MOST_LISTED: usize = 20;

/// Something wrong in a file. Repeats names of keys, but no values, because one may be a secret in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileProblem {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Where in the document, such as `buckets[2].region`; empty for the document.
    pub(crate) path: String,
    /// What is wrong, as a phrase that continues the path.
    pub(crate) message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.path.is_empty() {
            write!(f, "{} ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a file.
#[derive(Debug, Default)]
pub(crate) struct FileProblems {
    listed: Vec<FileProblem>,
    more: usize,
}

impl FileProblems {
    pub(crate) fn add(&mut self, line: usize, path: &str, message: impl Into<String>) {
        if self.listed.len() == MOST_LISTED {
            self.more += 1;
        } else {
            self.listed.push(FileProblem { line, path: path.to_owned(), message: message.into() });
        }
    }

    /// The value if there is no problem, otherwise the problems.
    pub(crate) fn none_or<T>(self, value: T) -> Result<T, Self> {
        if self.listed.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The same problems in a document that begins after this many lines.
    pub(crate) fn after_lines(mut self, lines: usize) -> Self {
        self.listed.iter_mut().for_each(|problem| problem.line += lines);
        self
    }

    /// The line of the first problem, and the text without this line.
    pub(crate) fn first_line(&self) -> (usize, String) {
        let line = self.listed.first().map_or(1, |problem| problem.line);
        let text = self.to_string();
        let bare = text.strip_prefix(&format!("line {line}: ")).unwrap_or(&text);
        (line, bare.to_owned())
    }

    #[cfg(test)]
    pub(crate) fn lines(&self) -> Vec<String> {
        self.listed.iter().map(ToString::to_string).collect()
    }
}

impl From<FileProblem> for FileProblems {
    fn from(problem: FileProblem) -> Self {
        Self { listed: vec![problem], more: 0 }
    }
}

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.listed.iter().enumerate() {
            if number > 0 {
                f.write_str("\n  ")?;
            }
            problem.fmt(f)?;
        }
        if self.more > 0 {
            write!(f, "\n  and {} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_problems_are_counted() {
        let mut problems = FileProblems::default();
        (1..=30).for_each(|line| problems.add(line, "buckets[0]", "is wrong"));
        let text = problems.to_string();
        assert!(text.starts_with("line 1: buckets[0] is wrong\n") && text.ends_with("and 10 more"), "{text}");
    }
}
