//! Lists as CSV (RFC 4180), with all columns and exact values.

use bucketry_api_types::csv::write_cell;

use super::{Cell, Column};

/// All lines, without a line end after the last one.
pub(super) fn text(columns: &[Column], rows: &[Vec<Cell>]) -> String {
    let header: Vec<&str> = columns.iter().map(|column| column.field).collect();
    let mut text = header.join(",");
    for row in rows {
        text.push_str("\r\n");
        for (index, cell) in row.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            write(cell, &mut text);
        }
    }
    text
}

/// Numbers are written as they are, because a negative one is no formula.
fn write(cell: &Cell, to: &mut String) {
    let value = cell.exact.as_ref().unwrap_or(&cell.shown);
    if cell.is_number { to.push_str(value) } else { write_cell(value, to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_texts_no_formulas() {
        const COLUMNS: &[Column] = &[Column::text("NAME", "name", 0, 8), Column::number("SIZE", "bytes", 1)];
        let rows = [
            vec![Cell::text("=1+1"), Cell::bytes(-1_234_567)],
            vec![Cell::text("say \"hi\""), Cell::absent()],
            vec![Cell::text("two\nlines"), Cell::count(7)],
        ];
        let expected = "name,bytes\r\n\"'=1+1\",-1234567\r\n\"say \"\"hi\"\"\",\"\"\r\n\"two\\nlines\",7";
        assert_eq!(text(COLUMNS, &rows), expected);
    }
}
