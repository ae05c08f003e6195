//! What tables say of pictures: rows find their pictures, columns their meaning.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::captions::{Table, is_promised};
use super::column_roles::{self, Role};
use super::guess::Guess;
use super::name_match::{Names, clean};
use super::report::BrokenFile;

/// Setting that changes what columns are taken for.
pub(super) const SETTING: &str = "data.columns";
/// At most this many rows of a table that name no picture are told one by one.
const TOLD: usize = 50;
/// Tables of which the columns are told.
const TABLES_TOLD: usize = 5;
/// Values of factors that are kept for all pictures together; further columns are left out.
const VALUES: usize = 32 << 20;

/// What tables say of pictures.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// The label that a table gives.
    pub given: Vec<Option<String>>,
    /// Names of quantities and categories.
    pub factor_names: Vec<String>,
    /// The kinds of each category, by number; none for a quantity.
    pub categories: Vec<Vec<String>>,
    /// Captions.
    pub caption: Vec<Option<String>>,
    /// Values of the factors, picture by picture; NaN where unknown.
    pub factors: Vec<f64>,
    /// What was assumed.
    pub guesses: Vec<Guess>,
}

/// How columns are understood.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Understood<'a> {
    /// What a person says that columns are: `name=role`.
    pub columns: &'a [String],
    /// Whether only a column called `label` is taken for labels.
    pub narrow: bool,
}

/// A factor while it is gathered.
struct Factor<'a> {
    name: &'a str,
    role: Role,
    /// Place of the picture and text.
    cells: Vec<(u32, &'a str)>,
}

/// Joins names of pictures with tables. Rows that name no picture go to `broken`, unless `broken` names it already.
pub(super) fn joined(
    names: &[String],
    tables: &[Table],
    broken: &mut Vec<BrokenFile>,
    understood: Understood<'_>,
) -> Joined {
    let mut out = Joined { given: vec![None; names.len()], caption: vec![None; names.len()], ..Joined::default() };
    if tables.is_empty() {
        return out;
    }
    let index = Names::of(names);
    let known: HashSet<String> = broken.iter().map(|b| b.file.clone()).collect();
    let wishes: Vec<(String, Role)> = understood.columns.iter().filter_map(|text| wish(text)).collect();
    let mut factors: Vec<Factor<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut read = 0;
    for table in tables {
        let Some(roles) = column_roles::find(table, &index, &wishes, understood.narrow) else {
            if is_promised(&table.name) {
                let reason = "No column of it names the pictures here; call that column `file`".into();
                broken.push(BrokenFile { file: table.name.clone(), reason });
            }
            continue;
        };
        read += 1;
        if read <= TABLES_TOLD {
            out.guesses.extend(said(table, &roles));
        }
        let columns: Vec<Option<usize>> = roles
            .iter()
            .zip(&table.header)
            .map(|(&role, name)| {
                if !matches!(role, Role::Number { .. } | Role::Category) {
                    return None;
                }
                let next = factors.len();
                let place = *places.entry(name).or_insert(next);
                if place == next {
                    factors.push(Factor { name, role, cells: Vec::new() });
                } else {
                    factors[place].role = match (factors[place].role, role) {
                        (Role::Number { comma: a }, Role::Number { comma: b }) => Role::Number { comma: a || b },
                        // What is a number in one table only is a kind.
                        _ => Role::Category,
                    };
                }
                Some(place)
            })
            .collect();
        let mut lost: Vec<(usize, String)> = Vec::new();
        let mut missed = 0;
        for row in table.rows() {
            let file = row.cells().find(|(c, ..)| roles[*c] == Role::File).map(|(_, _, text)| text);
            let Some(file) = file else {
                lost_line(table, row.line, broken, &mut missed);
                continue;
            };
            let Some(i) = index.find(file, table.folder()) else {
                match clean(file) {
                    // Such as a point alone.
                    file if file.is_empty() => lost_line(table, row.line, broken, &mut missed),
                    file => lost.push((row.line, file)),
                }
                continue;
            };
            for (column, _, text) in row.cells() {
                match roles[column] {
                    Role::Caption => out.caption[i] = Some(text.to_owned()),
                    Role::Label => out.given[i] = Some(text.to_owned()),
                    _ => {
                        if let Some(place) = columns[column] {
                            factors[place].cells.push((i as u32, text));
                        }
                    }
                }
            }
        }
        tell_lost(table, lost, &known, broken);
        for (line, reason) in table.bad.iter().take(TOLD) {
            let file = format!("{}:{line}", table.name);
            broken.push(BrokenFile { file, reason: format!("Line left out: {reason}") });
        }
    }
    if read > TABLES_TOLD {
        out.guesses.push(Guess::new(format!("{} more tables are read", read - TABLES_TOLD)));
    }
    let room = VALUES / names.len().max(1);
    if factors.len() > room {
        let what = format!("{} columns are left out: there are too many for so many pictures", factors.len() - room);
        out.guesses.push(Guess::new(what));
        factors.truncate(room);
    }
    fill(&mut out, factors, names.len());
    out
}

/// `name=role` as a person writes it.
fn wish(text: &str) -> Option<(String, Role)> {
    let (name, role) = text.rsplit_once('=')?;
    let role = column_roles::WORDS.iter().find(|(word, _)| role.trim().eq_ignore_ascii_case(word))?.1;
    Some((name.trim().to_owned(), role))
}

fn lost_line(table: &Table, line: usize, broken: &mut Vec<BrokenFile>, missed: &mut usize) {
    *missed += 1;
    if *missed <= TOLD {
        let file = format!("{}:{line}", table.name);
        broken.push(BrokenFile { file, reason: "Line left out: it names no file".into() });
    }
}

/// Tells rows whose picture is not there: a few by name, all by number.
fn tell_lost(table: &Table, lost: Vec<(usize, String)>, known: &HashSet<String>, broken: &mut Vec<BrokenFile>) {
    let (all, rows) = (lost.len(), table.len());
    let example = lost.first().map(|(_, file)| file.clone()).unwrap_or_default();
    let mut told = BTreeSet::new();
    for (_, file) in lost {
        let path = table.folder().map_or_else(|| file.clone(), |folder| format!("{folder}/{file}"));
        if told.len() < TOLD && !known.contains(&path) && told.insert(path.clone()) {
            let reason = format!("{} names it, but there is no such picture", table.name);
            broken.push(BrokenFile { file: path, reason });
        }
    }
    if all > TOLD {
        let reason = format!("{all} of its {rows} rows name pictures that are not there, such as {example}");
        broken.push(BrokenFile { file: table.name.clone(), reason });
    }
}

/// What the columns of a table are taken for, in a sentence.
fn said(table: &Table, roles: &[Role]) -> Option<Guess> {
    let of = |wanted: &dyn Fn(Role) -> bool| -> Vec<&str> {
        let all = table.header.iter().zip(roles).filter(|(_, r)| wanted(**r));
        all.map(|(h, _)| h.as_str()).filter(|h| !h.is_empty()).collect()
    };
    // A table of captions with the usual names needs no word.
    let plain = |names: &[&str], usual: &[&str]| names.iter().all(|n| usual.contains(&n.to_ascii_lowercase().as_str()));
    let file = of(&|r| r == Role::File);
    let caption = of(&|r| r == Role::Caption);
    let label = of(&|r| r == Role::Label);
    let rest = [
        ("quantities", of(&|r| matches!(r, Role::Number { .. }))),
        ("categories", of(&|r| r == Role::Category)),
        ("not used", of(&|r| r == Role::Unused)),
    ];
    if plain(&file, &["file", "file_name", "filename"])
        && plain(&caption, &["caption", "text"])
        && plain(&label, &["label"])
        && rest.iter().all(|(_, names)| names.is_empty())
        && table.encoding.is_none()
    {
        return None;
    }
    let listed = |names: &[&str]| match names {
        [some @ .., _, _] if names.len() > 8 => format!("{} and {} more", some[..6].join(", "), names.len() - 6),
        _ => names.join(", "),
    };
    let mut parts = vec![format!("files from {}", listed(&file))];
    parts.extend((!caption.is_empty()).then(|| format!("captions from {}", listed(&caption))));
    parts.extend((!label.is_empty()).then(|| format!("labels from {}", listed(&label))));
    parts.extend(rest.iter().filter(|(_, n)| !n.is_empty()).map(|(what, names)| format!("{what}: {}", listed(names))));
    parts.extend(table.encoding.map(|e| format!("written in {e}")));
    Some(
        Guess::new(format!("{}: {}", table.name, parts.join("; ")))
            .about(table.len() as u64)
            .changed_by(SETTING, format!("For another role of a column set {SETTING}, such as [\"NAME=none\"]")),
    )
}

/// Turns gathered cells into values.
fn fill(out: &mut Joined, factors: Vec<Factor<'_>>, pictures: usize) {
    let n = factors.len();
    out.factors = vec![f64::NAN; n * pictures];
    for (k, factor) in factors.into_iter().enumerate() {
        let mut kinds = Vec::new();
        if let Role::Number { comma } = factor.role {
            for (i, text) in &factor.cells {
                out.factors[*i as usize * n + k] = column_roles::number(text, comma).unwrap_or(f64::NAN);
            }
        } else {
            let distinct: BTreeSet<&str> = factor.cells.iter().map(|(_, text)| *text).collect();
            let numbers: HashMap<&str, usize> = distinct.iter().enumerate().map(|(i, t)| (*t, i)).collect();
            for (i, text) in &factor.cells {
                out.factors[*i as usize * n + k] = numbers[text] as f64;
            }
            kinds = distinct.into_iter().map(str::to_owned).collect();
        }
        out.factor_names.push(factor.name.to_owned());
        out.categories.push(kinds);
    }
}

#[cfg(test)]
mod tests {
    use super::super::captions::parse;
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn join(pictures: &[&str], table: (&str, &str), columns: &[&str]) -> (Joined, Vec<BrokenFile>) {
        let table = parse(table.0, table.1.as_bytes()).unwrap();
        let mut broken = Vec::new();
        let understood = Understood { columns: &names(columns), narrow: false };
        (joined(&names(pictures), &[table], &mut broken, understood), broken)
    }

    #[test]
    fn tables_find_their_pictures() {
        let text = "file\tcaption\tlabel\tsize\tmood\nx.png\tEx\t10\t1,5\tglad\nimages/y.png\tWhy\t9\t\tsad\nZ\t\t\t2,25\tsad\nw.png\t\t\t\tglad\ngone.png\t\t\t\t\n";
        let (n, broken) = join(&["in/x.png", "in/pics/y.png", "in/z.png", "in/w.png"], ("in/captions.tsv", text), &[]);
        assert_eq!(n.given[..2], [Some("10".into()), Some("9".into())]);
        assert_eq!(n.caption[1].as_deref(), Some("Why"));
        assert_eq!(n.factor_names, ["size", "mood"]);
        assert_eq!(n.categories, [names(&[]), names(&["glad", "sad"])]);
        assert_eq!(n.factors[..2], [1.5, 0.0]);
        assert!(n.factors[2].is_nan() && n.factors[3] == 1.0);
        assert_eq!(n.factors[4..6], [2.25, 1.0]);
        assert_eq!(broken.len(), 1);
        assert!(broken[0].file == "in/gone.png" && broken[0].reason.contains("in/captions.tsv"));
        let told = &n.guesses[0];
        assert!(told.what.contains("quantities: size") && told.what.contains("categories: mood"), "{told}");
        assert_eq!(told.setting.as_deref(), Some(SETTING));
    }

    #[test]
    fn what_a_column_is_taken_for_can_be_changed() {
        let text = "image\tnotes\tsize\na\tA long sentence about this picture here.\t1\nb\tAnother long sentence, about that one.\t2\n";
        let (n, _) = join(&["a.png", "b.png"], ("x.tsv", text), &[]);
        assert_eq!((n.factor_names.as_slice(), &n.caption[0]), (&["size".to_owned()][..], &None));
        let (n, _) = join(&["a.png", "b.png"], ("x.tsv", text), &["notes=caption", "size = label"]);
        assert!(n.factor_names.is_empty() && n.caption[1].is_some());
        assert_eq!(n.given, [Some("1".into()), Some("2".into())]);
        let (n, _) = join(&["a.png", "b.png"], ("x.tsv", text), &["nonsense", "size=wrong"]);
        assert_eq!(n.factor_names, ["size"]);
    }

    #[test]
    fn a_row_that_names_nothing_is_told_by_its_line_and_moves_no_other() {
        let text = "file\tcaption\na.png\tfirst\n\tof nothing\nb.png\tsecond\n   \tof nothing either\n";
        let (n, broken) = join(&["a.png", "b.png"], ("captions.tsv", text), &[]);
        assert_eq!(n.caption, [Some("first".to_owned()), Some("second".to_owned())]);
        let told: Vec<&str> = broken.iter().map(|b| b.file.as_str()).collect();
        assert_eq!(told, ["captions.tsv:3", "captions.tsv:5"]);
        assert!(broken.iter().all(|b| b.reason.contains("names no file")));
    }

    #[test]
    fn many_rows_without_a_picture_are_counted() {
        let rows: String = (0..500).map(|i| format!("gone{i}.png,x\n")).collect();
        let (_, broken) = join(&["a.png"], ("metadata.csv", &format!("file,text\na.png,y\n{rows}")), &[]);
        assert_eq!(broken.len(), TOLD + 1);
        let last = broken.last().unwrap();
        assert!(
            last.file == "metadata.csv" && last.reason.contains("500 of its 501 rows") && last.reason.contains("gone0")
        );
        let (_, broken) = join(&["a.png"], ("metadata.csv", "x,y\n1,2\n"), &[]);
        assert!(broken[0].reason.contains("names the pictures"));
        let (n, _) = join(&["a.png"], ("x.csv", ",size\na.png,2\n"), &[]);
        assert_eq!(n.factor_names, ["size"], "a column without a name names the pictures");
        let (n, broken) = join(&["a.png"], ("prices.csv", "x,y\n1,2\n"), &[]);
        assert!(broken.is_empty() && n.guesses.is_empty());
    }
}
