//! Reads a text line by line, with a limit for the length of a line.

use std::io::{self, BufRead};

/// A line without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BoundedLine {
    Text(String),
    /// The line is longer than the limit. It is skipped.
    TooLong,
    /// The line isn't UTF-8.
    NotText,
}

pub(crate) struct BoundedLines<R> {
    reader: R,
    limit: usize,
}

impl<R: BufRead> BoundedLines<R> {
    /// `limit` is in bytes.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit }
    }

    /// The next line; `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<BoundedLine>> {
        let (mut line, mut is_long, mut is_any) = (Vec::new(), false, false);
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            is_any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            is_long = is_long || line.len() + part.len() > self.limit;
            if !is_long {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        if !is_any {
            return Ok(None);
        }
        if is_long {
            return Ok(Some(BoundedLine::TooLong));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(String::from_utf8(line).map_or(BoundedLine::NotText, BoundedLine::Text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_a_bad_one_spoils_no_other() {
        let text = b"first\r\n\nmuch too long\n\xff\nlast";
        // A small buffer, so that lines begin and end inside of it.
        let mut lines = BoundedLines::new(io::BufReader::with_capacity(3, &text[..]), 6);
        let mut read = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            read.push(line);
        }
        let text = |text: &str| BoundedLine::Text(text.to_owned());
        assert_eq!(read, [text("first"), text(""), BoundedLine::TooLong, BoundedLine::NotText, text("last")]);
    }
}
