//! `dataset.json`, in which StyleGAN keeps the labels of a folder or zip of pictures: `{"labels": [["00000/img.png", 6], …]}`.
//!
//! Source: <https://github.com/NVlabs/stylegan3/blob/main/dataset_tool.py>.

use serde_json::Value;

use super::captions::Table;

/// Whether a file of this name may be such a list.
pub(super) fn may_be(name: &str) -> bool {
    name.rsplit('/').next() == Some("dataset.json")
}

/// Reads the labels; nothing if the file holds none of this kind.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Option<Table>, String> {
    let whole: Value = serde_json::from_slice(bytes).map_err(|e| format!("It is no JSON: {e}"))?;
    let pairs: Vec<(String, &Value)> = match whole.get("labels") {
        Some(Value::Array(list)) => {
            list.iter().filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?))).collect()
        }
        Some(Value::Object(map)) => map.iter().map(|(file, label)| (file.clone(), label)).collect(),
        _ => return Ok(None),
    };
    let mut table = Table::new(name, vec!["file".into(), "label".into()]);
    let mut vectors = 0;
    for (file, label) in pairs {
        let label = match label {
            Value::Number(n) => Some(n.to_string()),
            Value::String(s) => Some(s.clone()),
            // What a picture is conditioned on may be a list of numbers, which is no class.
            Value::Array(_) => {
                vectors += 1;
                None
            }
            _ => None,
        };
        let cells = [Some(file.as_str()), label.as_deref()];
        table.push(1, cells.into_iter().enumerate().filter_map(|(c, t)| Some((c, t?))));
    }
    if vectors > 0 {
        table.bad.push((1, format!("{vectors} labels are lists of numbers, not classes")));
    }
    Ok(Some(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_stylegan_are_read() {
        let text =
            br#"{"labels": [["00000/img00000000.png", 6], ["00000/img00000001.png", null], ["x.png", [0.1, 2]]]}"#;
        let table = parse("set/dataset.json", text).unwrap().unwrap();
        let labels: Vec<_> = table.rows().map(|r| (r.cell(0).unwrap(), r.cell(1))).collect();
        assert_eq!(labels, [("00000/img00000000.png", Some("6")), ("00000/img00000001.png", None), ("x.png", None)]);
        assert!(table.bad[0].1.contains("not classes"));
        let table = parse("dataset.json", br#"{"labels": {"a.png": "cat"}}"#).unwrap().unwrap();
        assert_eq!(table.rows().next().unwrap().cell(1), Some("cat"));
        assert_eq!(parse("dataset.json", br#"{"labels": null}"#).unwrap(), None);
        assert!(parse("dataset.json", b"{").is_err());
        assert!(may_be("a/dataset.json") && !may_be("mydataset.json"));
    }
}
