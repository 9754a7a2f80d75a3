//! Which migrations the programs can work with that were made before them.
//!
//! While servers are upgraded one after the other, older ones use a schema that a newer one has migrated. A migration may
//! therefore add tables, indexes, and columns that older programs needn't fill in, and it may fill in what it adds. Anything else
//! may break older programs, and a migration that does it raises `schema_compatibility.oldest_program`:
//!
//! - to its own number, if all programs without it break;
//! - to a lower number, if it removes what has not been used since the program of that number.
//!
//! An addition breaks older programs if it makes their own statements fail: a foreign key from a new table to one that they delete
//! from, a constraint or a unique index on a table that they write, an index on an expression that can't be computed for what they
//! store, a column without a default. A foreign key is allowed if it gives way (`ON DELETE CASCADE` or `SET NULL`), because
//! programs don't change ids.
//!
//! The rule reads SQL only. If programs rely on a new table being kept up to date with an old one, the migration must raise the
//! number, too. What programs do with values that they don't know is listed in `tests/sqlite/unknown_values.rs`.

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
            // What exists already may have another form, and then later statements mean something else.
            ["CREATE", "TABLE", "IF", ..] | ["ALTER", "TABLE", _, "ADD", "COLUMN", "IF", ..] => false,
            ["CREATE", "TABLE", table, definition @ ..] => {
                self.tables.insert((*table).to_owned());
                let joins_a_table = definition.contains(&"PARTITION") || definition.contains(&"INHERITS");
                !joins_a_table && self.gives_way(definition)
            }
            ["CREATE", "INDEX", _, "ON", table, definition @ ..] => {
                self.tables.contains(*table) || has_only_columns(definition)
            }
            // Any program may fill in the lists again.
            ["ALTER", "TABLE", _, "SET", "(", ..] | ["INSERT", "INTO", "UNLISTED", ..] => true,
            ["ALTER", "TABLE", table, "ADD", "COLUMN", column, definition @ ..] => {
                self.columns.insert(((*table).to_owned(), (*column).to_owned()));
                if self.tables.contains(*table) {
                    self.gives_way(definition)
                } else {
                    is_optional(definition)
                }
            }
            ["ALTER", "TABLE", table, change @ ..] => {
                let joins_a_table = ["RENAME", "ATTACH", "INHERIT"].iter().any(|word| change.contains(word));
                self.tables.contains(*table) && !joins_a_table && self.gives_way(change)
            }
            ["UPDATE", table, "SET", assignments @ ..] => {
                let is_added =
                    |column: &str| self.columns.contains(&((*table).to_owned(), column.to_owned()));
                self.tables.contains(*table) || assigned(assignments).into_iter().all(is_added)
            }
            ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..]
            | ["DROP", "TABLE", table]
            | ["INSERT", "INTO", table, ..]
            | ["DELETE", "FROM", table, ..] => self.tables.contains(*table),
            _ => false,
        }
    }
}

impl AddedSchema {
    /// Whether all foreign keys of a table that was added let older programs delete from the tables that they had before.
    fn gives_way(&self, definition: &[&str]) -> bool {
        let mut rest = definition;
        while let Some(at) = rest.iter().position(|word| *word == "REFERENCES") {
            rest = &rest[at + 1..];
            let Some(referred) = rest.first() else { return false };
            // Up to the next column or constraint. The columns that are referred to are in parentheses.
            let end = end_of_clause(rest);
            let gives_way = rest[..end].windows(3).any(|words| words == ["ON", "DELETE", "CASCADE"])
                || rest[..end].windows(4).any(|words| words == ["ON", "DELETE", "SET", "NULL"]);
            if !gives_way && !self.tables.contains(*referred) {
                return false;
            }
        }
        true
    }
}

/// The position of the comma or parenthesis that ends a part of a definition.
fn end_of_clause(words: &[&str]) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "(" => depth += 1,
            ")" | "," if depth == 0 => return at,
            ")" => depth -= 1,
            _ => {}
        }
    }
    words.len()
}

/// Whether an index is one on columns. An expression may fail for what older programs store.
fn has_only_columns(definition: &[&str]) -> bool {
    let ["(", columns @ ..] = definition else { return false };
    let is_column = |word: &&str| *word == "," || word.chars().all(|one| one.is_alphanumeric() || one == '_');
    columns.iter().take_while(|word| **word != ")").all(is_column)
}

/// Whether a row can be inserted without a column that is defined so.
fn is_optional(definition: &[&str]) -> bool {
    let has = |word: &str| definition.contains(&word);
    let is_restricted = ["UNIQUE", "REFERENCES", "CHECK", "GENERATED", "PRIMARY", ","].into_iter().any(has);
    let default = definition.iter().position(|word| *word == "DEFAULT").and_then(|at| definition.get(at + 1));
    let has_default = default.is_some_and(|value| *value != "NULL");
    !is_restricted && (!has("NOT") || has_default)
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

/// Asserts that each of these migrations may break older programs, because of one statement.
fn assert_breaks(migrations: &[&str]) {
    for text in migrations {
        assert_eq!(Effect::of(text).breaks.len(), 1, "{text}");
    }
}

#[test]
fn a_foreign_key_from_a_new_table_to_an_older_one_must_give_way() {
    assert_breaks(&[
        "CREATE TABLE colours (id TEXT PRIMARY KEY, bucket_id TEXT NOT NULL REFERENCES buckets (id));",
        "CREATE TABLE colours (bucket_id TEXT REFERENCES buckets, name TEXT);",
        "CREATE TABLE colours (a TEXT, b TEXT, FOREIGN KEY (a, b) REFERENCES buckets (id, name) ON UPDATE CASCADE);",
        "CREATE TABLE colours (bucket_id TEXT REFERENCES buckets (id) ON DELETE RESTRICT);",
        "CREATE TABLE colours (bucket_id TEXT REFERENCES buckets (id) ON DELETE SET DEFAULT);",
        "CREATE TABLE colours (a TEXT REFERENCES buckets (id) ON DELETE CASCADE, b TEXT REFERENCES users (id));",
        "CREATE TABLE colours (id TEXT); ALTER TABLE colours ADD COLUMN bucket_id TEXT REFERENCES buckets (id);",
        "CREATE TABLE colours (id TEXT); ALTER TABLE colours ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES buckets (id);",
    ]);
    for text in [
        "CREATE TABLE colours (bucket_id TEXT NOT NULL REFERENCES buckets (id) ON DELETE CASCADE, name TEXT);",
        "CREATE TABLE colours (bucket_id TEXT, FOREIGN KEY (bucket_id) REFERENCES buckets (id) ON DELETE SET NULL);",
        "CREATE TABLE colours (id TEXT PRIMARY KEY, darker TEXT REFERENCES colours (id));\n\
         CREATE TABLE shades (id TEXT REFERENCES colours (id), name TEXT);",
    ] {
        assert_eq!(Effect::of(text), Effect::default(), "{text}");
    }
}

#[test]
fn a_table_that_becomes_a_part_of_an_older_one_may_break_older_programs() {
    assert_breaks(&[
        "CREATE TABLE colours PARTITION OF buckets FOR VALUES IN (1);",
        "CREATE TABLE colours (name TEXT) INHERITS (buckets);",
        "CREATE TABLE colours (id TEXT); ALTER TABLE colours INHERIT buckets;",
        "CREATE TABLE colours (id TEXT); ALTER TABLE colours RENAME TO shades;",
        "CREATE TABLE IF NOT EXISTS colours (id TEXT);",
    ]);
}

#[test]
fn a_column_that_older_programs_would_have_to_fill_in_breaks_them() {
    assert_breaks(&[
        "ALTER TABLE buckets ADD COLUMN colour TEXT NOT NULL;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT NOT NULL DEFAULT NULL;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT DEFAULT '' NOT NULL UNIQUE;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT UNIQUE;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT CHECK (colour <> name);",
        "ALTER TABLE buckets ADD COLUMN colour TEXT REFERENCES users (id) ON DELETE CASCADE;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT GENERATED ALWAYS AS (name || 1) STORED;",
        "ALTER TABLE buckets ADD COLUMN IF NOT EXISTS colour TEXT;",
        "ALTER TABLE buckets ADD COLUMN colour TEXT, DROP COLUMN name;",
    ]);
}

#[test]
fn a_constraint_on_what_older_programs_write_breaks_them() {
    assert_breaks(&[
        "ALTER TABLE buckets ADD CONSTRAINT named CHECK (name <> '');",
        "ALTER TABLE buckets ADD CHECK (name <> '') NOT VALID;",
        "ALTER TABLE buckets ADD CONSTRAINT once UNIQUE (name);",
        "ALTER TABLE buckets ADD CONSTRAINT of FOREIGN KEY (org_id) REFERENCES organizations (id) ON DELETE CASCADE;",
        "ALTER TABLE buckets ADD EXCLUDE USING gist (name WITH =);",
        "ALTER TABLE buckets ALTER COLUMN region SET NOT NULL;",
        "ALTER TABLE buckets ALTER COLUMN name TYPE VARCHAR(9);",
        "CREATE UNIQUE INDEX buckets_by_region ON buckets (region);",
        "CREATE UNIQUE INDEX CONCURRENTLY buckets_by_region ON buckets (region);",
    ]);
}

#[test]
fn an_index_on_an_expression_may_fail_for_what_older_programs_store() {
    assert_breaks(&[
        "CREATE INDEX buckets_by_size ON buckets ((size::int));",
        "CREATE INDEX buckets_by_share ON buckets (org_id, (size / parts));",
        "CREATE INDEX buckets_by_part ON buckets (split(name));",
    ]);
    let on_columns =
        "CREATE INDEX buckets_by_colour ON buckets (org_id, colour DESC, id) WHERE deleted_at IS NULL;";
    assert_eq!(Effect::of(on_columns), Effect::default());
    let on_a_new_table = "CREATE TABLE colours (id TEXT); CREATE INDEX c ON colours ((id::int));";
    assert_eq!(Effect::of(on_a_new_table), Effect::default());
}

#[test]
fn triggers_rules_and_rights_may_break_older_programs() {
    assert_breaks(&[
        "CREATE TRIGGER t BEFORE UPDATE ON buckets EXECUTE FUNCTION f();",
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON buckets DEFERRABLE EXECUTE FUNCTION f();",
        "CREATE RULE r AS ON DELETE TO buckets DO INSTEAD NOTHING;",
        "ALTER TABLE buckets ENABLE ROW LEVEL SECURITY;",
        "CREATE POLICY p ON buckets USING (FALSE);",
        "REVOKE DELETE ON buckets FROM PUBLIC;",
        "ALTER DOMAIN names ADD CHECK (VALUE <> '');",
    ]);
}

#[test]
fn a_change_of_what_older_programs_use_breaks_them() {
    assert_breaks(&[
        "ALTER TABLE buckets DROP COLUMN name;",
        "ALTER TABLE buckets RENAME COLUMN name TO title;",
        "ALTER TABLE buckets RENAME TO pails;",
        "DROP INDEX buckets_by_name;",
        "DROP TABLE buckets;",
        "CREATE TABLE colours (id TEXT); DROP TABLE colours, buckets;",
        "DELETE FROM buckets;",
        "TRUNCATE buckets;",
        "INSERT INTO buckets (id) VALUES ('1');",
        "ALTER TABLE buckets ADD COLUMN colour TEXT; UPDATE buckets SET colour = name, name = '';",
        "ALTER TABLE buckets ADD COLUMN colour TEXT; UPDATE buckets SET (colour, name) = ('', '');",
        "WITH gone AS (SELECT 1) DELETE FROM buckets;",
        "UPDATE schema_compatibility SET oldest_program = 0;",
    ]);
    let text = "DROP TABLE buckets; UPDATE schema_compatibility SET oldest_program = 40 WHERE id = 1;";
    assert_eq!(Effect::of(text).raises_to, Some(40));
}
