//! Data sets for DVC and from it, to the byte as dvc 3.67 writes them: a `.dvc` file that names a file or a folder by its MD5,
//! a `.dir` file that lists what is in a folder, and a cache of contents (<https://dvc.org/doc/user-guide/project-structure>).

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::decode_pool::{Ticker, pool};
use super::source::path_of;
use crate::base::paths::write_atomically;
use crate::base::vault::File;
use crate::base::vault::files::Sink;
use crate::base::{Problem, Progress, Result};

/// Where DVC keeps contents, inside of a project.
const CACHE: &str = ".dvc/cache/files/md5";
/// Folders that DVC passes by.
const PASSED: [&str; 3] = [".git", ".hg", ".dvc"];

/// A file of a folder, in the order in which the `.dir` file lists them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Listed {
    md5: String,
    relpath: String,
}

/// What became of an export or an import.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// The `.dvc` file, or where the pictures are now.
    pub path: PathBuf,
    /// Its MD5 in DVC's words; that of a folder ends in `.dir`.
    pub md5: String,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Writes the folder or file `spec` into the DVC project `out` (made if there is none): its `.dvc` file, and its contents
/// into the project's cache. `dvc checkout` brings them back.
///
/// # Errors
/// The source is no folder and no file, a file cannot be read, the disk is full, or the work was cancelled. What is there
/// already is not written again; nothing that is there is lost.
pub fn export(spec: &str, out: &Path, progress: &dyn Progress) -> Result<Moved> {
    let from = path_of(spec);
    if spec.lines().count() != 1 || !from.exists() {
        return Err(Problem::usage("Only a folder or a file can be handed to DVC").of(spec));
    }
    let from = fs::canonicalize(&from).map_err(|e| Problem::io("This source cannot be read", &from, &e))?;
    let name = from
        .file_name()
        .and_then(|n| n.to_str())
        .ok_or_else(|| Problem::usage("DVC takes only names that are Unicode text").of(from.display().to_string()))?;
    let cache = out.join(CACHE);
    begin(out)?;
    let files = if from.is_dir() { walk(&from)? } else { vec![String::new()] };
    let ticker = Ticker::new(progress, "Copying files", files.len() as u64);
    let copied: Vec<(Listed, u64)> = pool()?.install(|| {
        files
            .into_par_iter()
            .map(|relpath| {
                ticker.check()?;
                let path = if relpath.is_empty() { from.clone() } else { from.join(&relpath) };
                let (md5, bytes) = keep(&path, &cache)?;
                ticker.tick();
                Ok((Listed { md5, relpath }, bytes))
            })
            .collect::<Result<_>>()
    })?;
    let bytes = copied.iter().map(|c| c.1).sum();
    let files = copied.len() as u64;
    let (md5, nfiles) = if from.is_dir() {
        let mut list: Vec<Listed> = copied.into_iter().map(|c| c.0).collect();
        list.sort_by(|a, b| a.relpath.cmp(&b.relpath));
        let text = dir_text(&list);
        let md5 = format!("{:x}.dir", md5::compute(&text));
        put(&cache, &md5, text.as_bytes())?;
        (md5, format!("  nfiles: {files}\n"))
    } else {
        (copied.into_iter().next().map(|c| c.0.md5).unwrap_or_default(), String::new())
    };
    let text = format!("outs:\n- md5: {md5}\n  size: {bytes}\n{nfiles}  hash: md5\n  path: {}\n", scalar(name));
    let path = out.join(format!("{name}.dvc"));
    write_atomically(&path, text.as_bytes())?;
    Ok(Moved { path, md5, files, bytes })
}

/// Makes a folder a DVC project, unless it is one, as `dvc init --no-scm` does.
fn begin(out: &Path) -> Result<()> {
    let own = out.join(".dvc");
    if own.join("config").is_file() {
        return Ok(());
    }
    let put = |path: &Path, text: &str| if path.exists() { Ok(()) } else { write_atomically(path, text.as_bytes()) };
    put(&own.join("config"), "[core]\n    no_scm = True\n")?;
    put(
        &out.join(".dvcignore"),
        "# Add patterns of files dvc should ignore, which could improve\n# the performance. Learn more at\n\
         # https://dvc.org/doc/user-guide/dvcignore\n",
    )
}

/// Files below a folder as DVC takes them: linked files, but not linked folders; with slashes on every system.
fn walk(folder: &Path) -> Result<Vec<String>> {
    let entries = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .filter_entry(|e| !PASSED.iter().any(|passed| e.file_name() == *passed));
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry
            .map_err(|e| Problem::data("This folder cannot be read").of(folder.display().to_string()).because(e))?;
        let path = entry.path();
        if !path.is_file() {
            continue;
        }
        let inside = path.strip_prefix(folder).unwrap_or(path);
        let parts: Option<Vec<&str>> = inside.components().map(|c| c.as_os_str().to_str()).collect();
        let Some(parts) = parts else {
            return Err(Problem::data("DVC takes only names that are Unicode text")
                .of(path.display().to_string())
                .try_this("Give this file another name"));
        };
        out.push(parts.join("/"));
    }
    Ok(out)
}

/// Where the cache keeps a content.
fn place(cache: &Path, md5: &str) -> PathBuf {
    let (first, rest) = md5.split_at(2);
    cache.join(first).join(rest)
}

/// Puts bytes into the cache.
fn put(cache: &Path, md5: &str, bytes: &[u8]) -> Result<()> {
    let path = place(cache, md5);
    if path.is_file() { Ok(()) } else { write_atomically(&path, bytes) }
}

/// Copies a file into the cache; says its MD5 and bytes.
fn keep(path: &Path, cache: &Path) -> Result<(String, u64)> {
    let (md5, bytes) = sum(path)?;
    let target = place(cache, &md5);
    if !target.is_file() {
        copy(path, &target)?;
        if sum(&target)?.0 != md5 {
            let _ = fs::remove_file(&target);
            return Err(Problem::failed("This file changed while it was read").of(path.display().to_string()));
        }
    }
    Ok((md5, bytes))
}

/// Copies a file so that it is wholly there or not at all.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let fail = |e: &io::Error| Problem::io("This file could not be copied", to, e);
    fs::create_dir_all(folder).map_err(|e| fail(&e))?;
    let beside = crate::base::temp::file_in(folder).map_err(|e| fail(&e))?;
    let mut source = File::open(from).map_err(|e| Problem::io("This file could not be read", from, &e))?;
    let copied = Sink::for_path(to, beside.as_file()).and_then(|mut sink| {
        io::copy(&mut source, &mut sink)?;
        sink.finish()
    });
    copied.map_err(|e| fail(&e))?;
    beside.persist(to).map(|_| ()).map_err(|e| fail(&e.error))
}

/// MD5 and length of a file.
fn sum(path: &Path) -> Result<(String, u64)> {
    let fail = |e: io::Error| Problem::io("This file could not be read", path, &e);
    let mut file = File::open(path).map_err(fail)?;
    let (mut context, mut bytes, mut buffer) = (md5::Context::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(fail)? {
            0 => return Ok((format!("{:x}", context.finalize()), bytes)),
            n => {
                context.write_all(&buffer[..n]).map_err(fail)?;
                bytes += n as u64;
            }
        }
    }
}

/// The `.dir` file: what Python's `json.dumps` makes of the list.
fn dir_text(list: &[Listed]) -> String {
    let one = |l: &Listed| format!("{{\"md5\": {}, \"relpath\": {}}}", json_text(&l.md5), json_text(&l.relpath));
    format!("[{}]", list.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// A text in JSON with everything beyond ASCII escaped.
fn json_text(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out + "\""
}

/// A name as a YAML 1.2 scalar: plain where that reads back as the same text, in single quotes elsewhere.
fn scalar(text: &str) -> String {
    let special = |c: char| "-?:,[]{}#&*!|>'\"%@`".contains(c);
    let mut chars = text.chars();
    let first = chars.next().unwrap_or(' ');
    let second = chars.next();
    // These begin a plain scalar if something that is no space follows.
    let begins = "-?:".contains(first) && second.is_some_and(|c| c != ' ');
    let words = ["null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "~", "=", "<<"];
    let odd = (special(first) && !begins)
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(" #")
        || text.starts_with("---")
        || text.starts_with("...")
        || words.contains(&text)
        || is_number(text);
    if odd { format!("'{}'", text.replace('\'', "''")) } else { text.to_owned() }
}

/// Whether YAML would read a number or a date.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |t: &str, radix| !t.is_empty() && t.chars().all(|c| c == '_' || c.is_digit(radix));
    let whole = unsigned.starts_with(|c: char| c.is_ascii_digit()) && digits(unsigned, 10);
    let other = unsigned.strip_prefix("0x").is_some_and(|t| digits(t, 16))
        || unsigned.strip_prefix("0o").is_some_and(|t| digits(t, 8))
        || unsigned.strip_prefix("0b").is_some_and(|t| digits(t, 2));
    let real = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.replace('_', "").parse::<f64>().is_ok()
        && unsigned.contains(|c: char| c.is_ascii_digit());
    let named = [".inf", ".Inf", ".INF"].contains(&unsigned) || [".nan", ".NaN", ".NAN"].contains(&text);
    let parts: Vec<&str> = text.split('-').collect();
    let date = parts.len() == 3
        && parts[0].len() == 4
        && parts.iter().all(|p| !p.is_empty() && p.len() <= 4 && p.chars().all(|c| c.is_ascii_digit()));
    whole || other || real || named || date
}

/// The first output of a `.dvc` file.
#[derive(Debug, Default, PartialEq)]
struct Output {
    md5: String,
    path: String,
}

/// Reads the first output that a `.dvc` file names.
fn output(text: &str) -> Option<Output> {
    let mut out = Output::default();
    let mut lines = text.lines().skip_while(|l| l.trim_end() != "outs:").skip(1);
    let first = lines.next()?.strip_prefix('-')?;
    for line in std::iter::once(first).chain(lines.take_while(|l| l.starts_with(' '))) {
        let Some((key, value)) = line.trim().split_once(':') else { continue };
        let value = value.trim();
        let plain = match value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')) {
            Some(quoted) => quoted.replace("''", "'"),
            None => match value.starts_with('"') {
                true => serde_json::from_str(value).ok()?,
                false => value.to_owned(),
            },
        };
        match key {
            "md5" => out.md5 = plain,
            "path" => out.path = plain,
            _ => {}
        }
    }
    let hash = out.md5.strip_suffix(".dir").unwrap_or(&out.md5);
    let known = hash.len() == 32 && hash.chars().all(|c| c.is_ascii_hexdigit());
    (known && is_inside(&out.path)).then_some(out)
}

/// Whether a path stays inside of the folder that it is relative to.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Brings what a `.dvc` file names into the folder `out`: from the cache of its project, or from the files that lie beside it
/// and are the ones it names.
///
/// # Errors
/// It is no `.dvc` file of DVC 3, names files that are nowhere (they are listed), or would write outside of `out`; another
/// file is in the way; the disk is full, or the work was cancelled. Nothing is written unless all is there.
pub fn import(file: &Path, out: &Path, progress: &dyn Progress) -> Result<Moved> {
    let bad = |what: &str| Problem::data(what.to_owned()).of(file.display().to_string());
    let text = fs::read_to_string(file).map_err(|e| Problem::io("This .dvc file cannot be read", file, &e))?;
    let named = output(&text).ok_or_else(|| {
        bad("This is no .dvc file of a file or a folder").try_this("Choose a file that `dvc add` of DVC 3 wrote")
    })?;
    let file = std::path::absolute(file).map_err(|e| Problem::io("This path is none", file, &e))?;
    let beside = file.parent().unwrap_or(Path::new("/")).join(&named.path);
    let caches: Vec<PathBuf> = file.ancestors().skip(1).map(|f| f.join(CACHE)).filter(|c| c.is_dir()).collect();
    let kept = |md5: &str| caches.iter().map(|cache| place(cache, md5)).find(|path| path.is_file());
    let list: Vec<Listed> = if named.md5.ends_with(".dir") {
        let path = kept(&named.md5).ok_or_else(|| {
            bad("The list of this folder is missing")
                .because(format!("{CACHE} holds no {}", named.md5))
                .try_this("Run `dvc fetch` in its project first")
        })?;
        let bytes = fs::read(&path).map_err(|e| Problem::io("The list of this folder cannot be read", &path, &e))?;
        let damaged = || Problem::data("The list of this folder is damaged").of(path.display().to_string());
        if format!("{:x}.dir", md5::compute(&bytes)) != named.md5 {
            return Err(damaged().because("its MD5 is another").try_this("Run `dvc fetch` in its project again"));
        }
        serde_json::from_slice(&bytes).map_err(|e| damaged().because(e))?
    } else {
        vec![Listed { md5: named.md5.clone(), relpath: String::new() }]
    };
    if let Some(outside) = list.iter().find(|l| !l.relpath.is_empty() && !is_inside(&l.relpath)) {
        return Err(bad("This list names a file outside of its folder").because(&outside.relpath));
    }
    let inside = |relpath: &str| if relpath.is_empty() { PathBuf::new() } else { relpath.into() };
    let found = |l: &Listed| -> Option<PathBuf> {
        let own = if l.relpath.is_empty() { beside.clone() } else { beside.join(inside(&l.relpath)) };
        let whole = |path: &PathBuf| sum(path).is_ok_and(|(md5, _)| md5 == l.md5);
        kept(&l.md5).filter(whole).or_else(|| Some(own).filter(whole))
    };
    let ticker = Ticker::new(progress, "Looking for files", list.len() as u64);
    let sources: Vec<Option<PathBuf>> = pool()?.install(|| {
        list.par_iter()
            .map(|l| {
                ticker.check()?;
                ticker.tick();
                Ok(found(l))
            })
            .collect::<Result<_>>()
    })?;
    let missing: Vec<&str> =
        list.iter().zip(&sources).filter(|(_, s)| s.is_none()).map(|(l, _)| l.relpath.as_str()).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|m| if m.is_empty() { named.path.as_str() } else { m }).collect();
        return Err(bad("Files that it names are missing, or are others")
            .because(format!("{} of {}: {}", names.len(), list.len(), names.join(", ")))
            .try_this("Run `dvc pull` in its project first"));
    }
    let target = out.join(Path::new(&named.path).file_name().unwrap_or_default());
    let goals: Vec<PathBuf> = list
        .iter()
        .map(|l| if l.relpath.is_empty() { target.clone() } else { target.join(inside(&l.relpath)) })
        .collect();
    for (listed, goal) in list.iter().zip(&goals) {
        if goal.exists() && !sum(goal).is_ok_and(|(md5, _)| md5 == listed.md5) {
            return Err(Problem::usage("Another file is there already")
                .of(goal.display().to_string())
                .try_this("Choose another folder with --out"));
        }
    }
    let mut bytes = 0;
    for (source, goal) in sources.iter().flatten().zip(&goals) {
        progress.cancel().check()?;
        if !goal.exists() {
            copy(source, goal)?;
        }
        bytes += goal.metadata().map_or(0, |m| m.len());
    }
    Ok(Moved { path: target, md5: named.md5, files: list.len() as u64, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    fn put(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What `dvc add` of dvc 3.67.1 wrote of the same files.
    #[test]
    fn a_folder_is_written_as_dvc_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        for (name, text) in [
            ("a.txt", "hello"),
            ("ä b/c.txt", "x"),
            ("B.txt", "y"),
            ("a-b.txt", "z"),
            ("a/z.txt", "q"),
            (".git/x", "g"),
        ] {
            put(&data.join(name), text);
        }
        fs::create_dir_all(data.join("empty")).unwrap();
        fs::remove_file(data.join("a/z.txt")).unwrap();
        put(&data.join("a/z.txt"), "q");
        let out = dir.path().join("project");
        let moved = export(data.to_str().unwrap(), &out, &Quiet::default()).unwrap();
        assert_eq!(
            fs::read_to_string(out.join("data.dvc")).unwrap(),
            "outs:\n- md5: 1fcf8e42cd10d1f9d39b5af52ce5e57c.dir\n  size: 9\n  nfiles: 5\n  hash: md5\n  path: data\n"
        );
        assert_eq!(
            fs::read_to_string(out.join(".dvc/cache/files/md5/1f/cf8e42cd10d1f9d39b5af52ce5e57c.dir")).unwrap(),
            "[{\"md5\": \"415290769594460e2e485922904f345d\", \"relpath\": \"B.txt\"}, \
             {\"md5\": \"fbade9e36a3f36d3d676c1b808451dd7\", \"relpath\": \"a-b.txt\"}, \
             {\"md5\": \"5d41402abc4b2a76b9719d911017c592\", \"relpath\": \"a.txt\"}, \
             {\"md5\": \"7694f4a66316e53c8cdd9d9954bd611d\", \"relpath\": \"a/z.txt\"}, \
             {\"md5\": \"9dd4e461268c8034f5c8564e155c67a6\", \"relpath\": \"\\u00e4 b/c.txt\"}]"
        );
        assert_eq!((moved.files, moved.bytes), (5, 9));
        let single = export(data.join("a.txt").to_str().unwrap(), &out, &Quiet::default()).unwrap();
        assert_eq!(
            fs::read_to_string(single.path).unwrap(),
            "outs:\n- md5: 5d41402abc4b2a76b9719d911017c592\n  size: 5\n  hash: md5\n  path: a.txt\n"
        );
    }

    #[test]
    fn what_was_exported_comes_back_and_what_is_missing_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("set");
        (0..4).for_each(|i| put(&data.join(format!("{i}/p.txt")), &format!("text {i}")));
        let out = dir.path().join("project");
        let moved = export(data.to_str().unwrap(), &out, &Quiet::default()).unwrap();
        let back = dir.path().join("back");
        let got = import(&moved.path, &back, &Quiet::default()).unwrap();
        assert_eq!((got.files, got.bytes, got.path.clone()), (4, 24, back.join("set")));
        assert_eq!(fs::read_to_string(got.path.join("3/p.txt")).unwrap(), "text 3");
        assert_eq!(import(&moved.path, &back, &Quiet::default()).unwrap(), got, "again changes nothing");
        put(&back.join("set/1/p.txt"), "mine");
        assert!(import(&moved.path, &back, &Quiet::default()).unwrap_err().what.contains("Another file"));
        assert_eq!(fs::read_to_string(back.join("set/1/p.txt")).unwrap(), "mine");
        // A content that is gone, and one that is damaged.
        let md5 = |text: &str| format!("{:x}", md5::compute(text));
        fs::remove_file(place(&out.join(CACHE), &md5("text 2"))).unwrap();
        fs::write(place(&out.join(CACHE), &md5("text 3")), "other").unwrap();
        let fresh = dir.path().join("fresh");
        let problem = import(&moved.path, &fresh, &Quiet::default()).unwrap_err();
        let detail = problem.detail.unwrap();
        assert!(detail.starts_with("2 of 4") && detail.contains("2/p.txt") && detail.contains("3/p.txt"), "{detail}");
        assert!(!fresh.exists(), "nothing is written unless all is there");
    }

    #[test]
    fn lists_that_lead_outside_and_files_that_are_none_are_refused() {
        for path in ["../x", "/x", "a/../../x", ""] {
            assert!(!is_inside(path), "{path}");
        }
        assert!(is_inside("a/b c"));
        for text in [
            "",
            "outs:\n",
            "outs:\n- md5: 12\n  path: x\n",
            "outs:\n- md5: 5d41402abc4b2a76b9719d911017c592\n  path: ../x\n",
        ] {
            assert_eq!(output(text), None, "{text}");
        }
        let foreign = "# comment\nmd5: x\nouts:\n- path: 'it''s'\n  md5: 5d41402abc4b2a76b9719d911017c592\n  hash: md5\nmeta:\n  a: b\n";
        assert_eq!(output(foreign).unwrap().path, "it's");
    }

    /// As dvc 3.67.1 wrote files of these names.
    #[test]
    fn names_are_quoted_as_dvc_quotes_them() {
        let quoted = [
            " lead",
            "!t",
            "%p",
            "&x",
            "*s",
            "0x1f",
            "1.5",
            "123",
            "1_000",
            "1e3",
            "2020-01-01",
            "=",
            "?",
            "@x",
            "[x]",
            "a #b",
            "a: b",
            "null",
            "true",
            "x:",
            "|p",
            "~",
            ".5",
            "- x",
        ];
        for name in quoted {
            assert_eq!(scalar(name), format!("'{name}'"));
        }
        for name in [
            "12:30", "No", "_1", "a,b", "a{b}", "data", "it's", "on", "one.txt", "q\"q", "y", "yes", "ä ü", "猫", "😀",
            "-x",
        ] {
            assert_eq!(scalar(name), name);
        }
        assert_eq!(scalar("'a: b"), "'''a: b'");
    }
}
