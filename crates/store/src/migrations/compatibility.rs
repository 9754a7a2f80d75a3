//! Which migrations the programs can work with that were made before them.
//!
//! While servers are upgraded one after the other, older ones use a schema that a newer one has migrated. A migration may
//! therefore add tables, indexes, and columns that older programs needn't fill in, and it may fill in what it adds. Anything else
//! may break older programs, and a migration that does it raises `schema_compatibility.oldest_program`:
//!
//! - to its own number, if all programs without it break;
//! - to a lower number, if it removes what has not been used since the program of that number.
//!
//! The rule reads SQL only. If programs rely on a new table being kept up to date with an old one, or read values that older ones
//! don't know, the migration must raise the number, too.

use std::collections::HashSet;

use super::{File, POSTGRES, SQLITE};

/// The migrations made before `oldest_program` existed that break programs without them.
const EARLIER_BREAKS: [&str; 6] = [
    "repositories",
    "numbered_series",
    "requests_by_token",
    "hours_and_filters",
    "report_withdrawals",
    "approved_nodes",
];

/// What a migration means for older programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Effect {
    /// The statements that may break them.
    breaks: Vec<String>,
    /// The new value of `oldest_program`.
    raises_to: Option<i64>,
}

impl Effect {
    fn of(text: &str) -> Self {
        let (mut effect, mut added) = (Self::default(), AddedSchema::default());
        for statement in statements(text) {
            let words: Vec<&str> = statement.split_whitespace().collect();
            if let [
                "UPDATE",
                "SCHEMA_COMPATIBILITY",
                "SET",
                "OLDEST_PROGRAM",
                "=",
                number,
                "WHERE",
                "ID",
                "=",
                "1",
            ] = words[..]
            {
                effect.raises_to = number.parse().ok();
            } else if !added.allows(&words) {
                effect.breaks.push(statement);
            }
        }
        effect
    }
}

/// The tables and columns that a migration has added so far. Older programs don't use them.
#[derive(Default)]
struct AddedSchema {
    tables: HashSet<String>,
    columns: HashSet<(String, String)>,
}

impl AddedSchema {
    /// Whether older programs work with what the statement does.
    fn allows(&mut self, words: &[&str]) -> bool {
        match words {
            ["CREATE", "TABLE", table, ..] => {
                self.tables.insert((*table).to_owned());
                true
            }
            // Any program may fill in the lists again.
            ["CREATE", "INDEX", ..]
            | ["ALTER", "TABLE", _, "SET", "(", ..]
            | ["INSERT", "INTO", "UNLISTED", ..] => true,
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, definition @ ..] => {
                self.columns.insert(((*table).to_owned(), (*column).to_owned()));
                self.tables.contains(*table) || is_optional(definition)
            }
            ["UPDATE", table, "SET", assignments @ ..] => {
                let is_added =
                    |column: &str| self.columns.contains(&((*table).to_owned(), column.to_owned()));
                self.tables.contains(*table) || assigned(assignments).into_iter().all(is_added)
            }
            ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..]
            | ["ALTER" | "DROP", "TABLE", table, ..]
            | ["INSERT", "INTO", table, ..]
            | ["DELETE", "FROM", table, ..] => self.tables.contains(*table),
            _ => false,
        }
    }
}

/// Whether a row can be inserted without a column that is defined so.
fn is_optional(definition: &[&str]) -> bool {
    let has = |word: &str| definition.contains(&word);
    let is_restricted = ["UNIQUE", "REFERENCES", "CHECK", "GENERATED", "PRIMARY", ","].into_iter().any(has);
    !is_restricted && (!has("NOT") || has("DEFAULT"))
}

/// The columns that an UPDATE sets.
fn assigned<'a>(assignments: &[&'a str]) -> Vec<&'a str> {
    let (mut columns, mut depth, mut before) = (Vec::new(), 0, "");
    for word in assignments {
        match *word {
            "(" => depth += 1,
            ")" => depth -= 1,
            "=" if depth == 0 => columns.push(before),
            "WHERE" | "FROM" if depth == 0 => break,
            _ => {}
        }
        before = word;
    }
    columns
}

/// The statements of a file in capital letters, with spaces around punctuation and without comments.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut current, mut is_quoted) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        let mut rest = line.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '\'' => is_quoted = !is_quoted,
                '-' if !is_quoted && rest.peek() == Some(&'-') => break,
                ';' if !is_quoted => {
                    all.push(std::mem::take(&mut current));
                    continue;
                }
                '(' | ')' | ',' | '=' if !is_quoted => {
                    current.extend([' ', character, ' ']);
                    continue;
                }
                _ => {}
            }
            current.extend(character.to_uppercase());
        }
        current.push(' ');
    }
    all.push(current);
    let words = |statement: String| statement.split_whitespace().collect::<Vec<_>>().join(" ");
    all.into_iter().map(words).filter(|statement| !statement.is_empty()).collect()
}

fn version(name: &str) -> i64 {
    name.split_once('_').unwrap().0.parse().unwrap()
}

/// The migrations up to the one that made `oldest_program`, and those after it.
fn parts(files: &[File]) -> (&[File], &[File]) {
    let first = files.iter().position(|(name, _)| name.ends_with("_schema_compatibility")).unwrap();
    files.split_at(first + 1)
}

#[test]
fn a_migration_that_may_break_older_programs_names_the_oldest_that_works() {
    for files in [SQLITE, POSTGRES] {
        let (earlier, later) = parts(files);
        let (name, text) = earlier.last().unwrap();
        let mut oldest = version(name);
        assert!(text.contains(&format!("VALUES (1, {oldest});")), "{name} begins with its own number");
        for (name, text) in later {
            let effect = Effect::of(text);
            if let Some(raised) = effect.raises_to {
                assert!(
                    oldest < raised && raised <= version(name),
                    "{name} sets oldest_program to {raised}: choose a number above {oldest}, at most its own"
                );
                oldest = raised;
            } else {
                assert_eq!(
                    effect.breaks,
                    Vec::<String>::new(),
                    "{name} may break servers of older versions, which run while others are upgraded. Only add, or say so with \
                     UPDATE schema_compatibility SET oldest_program = {} WHERE id = 1;",
                    version(name)
                );
            }
        }
    }
}

#[test]
fn the_rule_finds_the_breaks_among_the_earlier_migrations() {
    for files in [SQLITE, POSTGRES] {
        let (earlier, _) = parts(files);
        let breaks: Vec<&str> = earlier
            .iter()
            .filter(|(_, text)| !Effect::of(text).breaks.is_empty())
            .map(|(name, _)| name.split_once('_').unwrap().1)
            .collect();
        assert_eq!(breaks, EARLIER_BREAKS);
    }
}

#[test]
fn additions_are_compatible() {
    for text in [
        "CREATE TABLE colours (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL); -- new\n\
         CREATE UNIQUE INDEX colours_by_name ON colours (name);\n\
         INSERT INTO colours (id, name) SELECT b.id, 'a; b' FROM buckets b;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT;\n\
         UPDATE buckets SET colour = (SELECT MIN(c.name) FROM colours c WHERE c.id = 1) WHERE id = 2;",
        "ALTER TABLE buckets ADD COLUMN shade TEXT COLLATE \"C\" NOT NULL DEFAULT '';",
        "CREATE INDEX buckets_by_colour ON buckets (colour) WHERE colour IS NOT NULL;",
        "ALTER TABLE usage_days SET (fillfactor = 40);",
        "INSERT INTO unlisted (kind, last_id) SELECT 'BUCKET', '' WHERE EXISTS (SELECT 1 FROM buckets) \
         ON CONFLICT (kind) DO UPDATE SET last_id = '';",
    ] {
        assert_eq!(Effect::of(text), Effect::default(), "{text}");
    }
}

#[test]
fn anything_else_may_break_older_programs() {
    for text in [
        "ALTER TABLE buckets ADD COLUMN colour TEXT NOT NULL;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT UNIQUE;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT, DROP COLUMN name;",
        "ALTER TABLE buckets DROP COLUMN name;",
        "ALTER TABLE buckets RENAME COLUMN name TO title;",
        "ALTER TABLE buckets ALTER COLUMN name TYPE VARCHAR(9);",
        "ALTER TABLE buckets ALTER COLUMN region SET NOT NULL;",
        "ALTER TABLE buckets ADD CONSTRAINT named CHECK (name <> '');",
        "CREATE UNIQUE INDEX buckets_by_region ON buckets (region);",
        "DROP INDEX buckets_by_name;",
        "DROP TABLE buckets;",
        "DELETE FROM buckets;",
        "INSERT INTO buckets (id) VALUES ('1');",
        "ALTER TABLE buckets ADD COLUMN colour TEXT; UPDATE buckets SET colour = name, name = '';",
        "UPDATE schema_compatibility SET oldest_program = 0;",
        "CREATE TRIGGER t BEFORE UPDATE ON buckets EXECUTE FUNCTION f();",
    ] {
        assert_eq!(Effect::of(text).breaks.len(), 1, "{text}");
    }
    let text = "DROP TABLE buckets; UPDATE schema_compatibility SET oldest_program = 40 WHERE id = 1;";
    assert_eq!(Effect::of(text).raises_to, Some(40));
}
