//! Tests of data files: what is read, what is refused, who gets which row.

use std::collections::BTreeSet;

use proptest::prelude::*;
use seaworthy_document::Finding;
use serde_json::json;

use super::*;

fn field(table: &Table, path: &str) -> Field {
    table.field(&Path::parse(path).unwrap()).unwrap()
}

fn lines(result: Result<Table, Vec<Finding>>) -> Vec<(u32, String)> {
    let findings = result.unwrap_err();
    assert!(findings.iter().all(|it| it.code == "load-data" && it.hint.is_some()));
    findings.into_iter().map(|it| (it.place.unwrap().line, it.reason)).collect()
}

#[test]
fn a_quote_that_is_never_closed_is_found_where_it_opens() {
    let reason = "a quote is opened here and never closed".to_owned();
    for (text, line) in [
        ("a,b\n1,\"2\n3,4\n5,6\n", 2),
        ("a,b\r\n\"x\r\ny\",1\r\n\"2,3", 4),
        ("a\n\"", 2),
        ("\"a\n1", 1),
        ("a\n\"x\"\"\n", 2),
    ] {
        assert_eq!(lines(Table::csv("u.csv", text.as_bytes())), [(line, reason.clone())], "{text}");
    }
    for text in ["a,b\n1\",2\n", "a\n\"x\"\"\"\n", "a\n\"x\ny\"", "a\n5\" pipe\n", "a\n\"x\"y\"\n"]
    {
        assert!(Table::csv("u.csv", text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let bytes = vec![0; MAX_BYTES + 1];
    let reason = format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len());
    assert_eq!(lines(Table::csv("u.csv", &bytes)), [(0, reason.clone())]);
    assert_eq!(lines(Table::json("u.json", &bytes)), [(0, reason)]);
}

#[test]
fn quotes_marks_and_line_ends_are_read() {
    let text =
        "\u{feff}name, city ,\"note\"\r\nAda,London,\"a \"\"b\"\", c\r\nd\"\r\n\u{e9}ve,,x\n";
    let table = Table::csv("u.csv", text.as_bytes()).unwrap();
    assert_eq!(table.rows(), 2);
    assert_eq!(table.text(0, &field(&table, "$.name")), Some("Ada"));
    assert_eq!(table.text(0, &field(&table, "$.note")), Some("a \"b\", c\r\nd"));
    assert_eq!(table.text(1, &field(&table, "$[\"city\"]")), Some(""));
    let whole = table.get(1, &Field::Whole).unwrap().into_owned();
    assert_eq!(whole, json!({"name": "éve", "city": "", "note": "x"}));
    assert_eq!(table.get(2, &Field::Whole), None);
    assert_eq!(table.text(2, &Field::Column(0)), None);
}

#[test]
fn ragged_rows_are_named_with_their_lines() {
    let found = lines(Table::csv("u.csv", b"a,b\n1,2\n3\n\"x\ny\",5\n6,7,8\n"));
    let said = |cells| format!("the row has {cells} cell(s), the first row names 2");
    assert_eq!(found, [(3, said(1)), (6, said(3))]);
    let many = format!("a,b\n{}", "1\n".repeat(25));
    let found = lines(Table::csv("u.csv", many.as_bytes()));
    assert_eq!(found.len(), 21);
    assert_eq!(found[20].1, "5 more rows have too many or too few cells");
}

#[test]
fn what_is_no_table_is_refused() {
    for (bytes, line, reason) in [
        (&b""[..], 0, "there is no row below the names of the columns"),
        (b"a,b\n", 0, "there is no row below the names of the columns"),
        (b"a,a\n1,2\n", 1, "column 2 has no name of its own: `a`"),
        (b"a,\n1,2\n", 1, "column 2 has no name of its own: ``"),
        (b"a\n1\n\xff\n", 3, "the row is not UTF-8"),
    ] {
        assert_eq!(lines(Table::csv("u.csv", bytes)), [(line, reason.to_owned())]);
    }
    for (bytes, line, reason) in [
        (&b"[]"[..], 0, "the list is empty"),
        (b"[{}, 1]", 0, "row 2 is no object"),
        (b"{}", 1, "invalid type: map, expected a sequence"),
        (b"[\n{]", 2, "key must be a string"),
    ] {
        assert_eq!(lines(Table::json("u.json", bytes)), [(line, reason.to_owned())]);
    }
}

#[test]
fn values_keep_their_types() {
    let table =
        Table::json("u.json", br#"[{"n": 1, "deep": {"list": [true]}}, {"n": 2}]"#).unwrap();
    assert_eq!(table.get(1, &field(&table, "$.n")).unwrap().into_owned(), json!(2));
    let (reason, hint) = table.field(&Path::parse("$.deep.list[0]").unwrap()).unwrap_err();
    assert_eq!(
        (reason.as_str(), hint.as_str()),
        ("row 2 has nothing at `$.deep.list[0]`", "known: n")
    );
    let table = Table::csv("u.csv", b"name\nx\n").unwrap();
    let (reason, hint) = table.field(&Path::parse("$.nmae").unwrap()).unwrap_err();
    assert_eq!(reason, "there is no column at `$.nmae`");
    assert_eq!(hint, "did you mean `name`?");
    assert!(table.field(&Path::parse("$.name.x").unwrap()).is_err());
}

fn data(rows: usize, per: Per, on_end: OnEnd) -> Data {
    let text = format!("n\n{}", "x\n".repeat(rows));
    Data::new("d".to_owned(), Table::csv("d.csv", text.as_bytes()).unwrap(), per, on_end)
}

#[test]
fn rows_are_handed_out_by_their_rule() {
    let row = |data: &Data, vu, index| data.row(Asker { vu, index }, || 1);
    let recycled = data(3, Per::Iteration, OnEnd::Recycle);
    assert_eq!((row(&recycled, 9, 2), row(&recycled, 9, 3)), (Some(2), Some(0)));
    let stopping = data(3, Per::Iteration, OnEnd::Stop);
    assert_eq!((row(&stopping, 9, 2), row(&stopping, 9, 3)), (Some(2), None));
    let user = data(3, Per::Vu, OnEnd::Recycle);
    assert_eq!((row(&user, 1, 7), row(&user, 4, 8)), (Some(0), Some(0)));
    assert_eq!(row(&data(3, Per::Vu, OnEnd::Stop), 4, 0), None);
    assert_eq!(row(&data(3, Per::Random, OnEnd::Recycle), 1, 0), Some(1));
}

#[test]
fn a_unique_row_is_handed_out_once() {
    let data = data(1000, Per::Unique, OnEnd::Stop);
    let takers: Vec<_> = (0..4)
        .map(|vu| {
            let data = data.clone();
            std::thread::spawn(move || {
                let mut taken = Vec::new();
                while let Some(row) = data.row(Asker { vu, index: 0 }, || 0) {
                    taken.push(row);
                }
                taken
            })
        })
        .collect();
    let taken: Vec<usize> = takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect();
    assert_eq!(taken.len(), 1000);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 1000);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Table::csv("x", &bytes);
        let _ = Table::json("x", &bytes);
    }

    #[test]
    fn cells_are_read_back(rows in proptest::collection::vec(["\\PC{0,6}", "[a\",\r\n]{0,6}"], 1..20)) {
        let mut text = "a,b\n".to_owned();
        for [one, two] in &rows {
            let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
            text.push_str(&format!("{},{}\n", quoted(one), quoted(two)));
        }
        let table = Table::csv("x", text.as_bytes()).unwrap();
        prop_assert_eq!(table.rows(), rows.len());
        for (row, [one, two]) in rows.iter().enumerate() {
            prop_assert_eq!(table.text(row, &Field::Column(0)), Some(one.as_str()));
            prop_assert_eq!(table.text(row, &Field::Column(1)), Some(two.as_str()));
        }
    }
}
