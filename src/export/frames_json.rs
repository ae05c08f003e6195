//! Where the cells of a sheet are, for game engines: the `JSON Hash` of TexturePacker and Aseprite, which Phaser, PixiJS,
//! Unity and Godot importers read.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::sheet::{self, Style};

/// The description of a sheet in `image`, with a frame for each name; cells are `cell` pixels before enlarging.
pub fn describe(image: &Path, names: &[String], style: &Style, cell: (u32, u32), factor: u32) -> Vec<u8> {
    let rect = |x: u32, y: u32| json!({ "x": x, "y": y, "w": cell.0 * factor, "h": cell.1 * factor });
    let mut frames = Map::new();
    for (i, name) in names.iter().enumerate() {
        let (x, y) = sheet::corner(i, names.len(), style, cell);
        let mut key = name.clone();
        // Names are keys, and two pictures may have one seed.
        for n in 2.. {
            if !frames.contains_key(&key) {
                break;
            }
            key = format!("{name}-{n}");
        }
        let size = json!({ "w": cell.0 * factor, "h": cell.1 * factor });
        frames.insert(
            key,
            json!({
                "frame": rect(x * factor, y * factor), "rotated": false, "trimmed": false,
                "spriteSourceSize": rect(0, 0), "sourceSize": size,
            }),
        );
    }
    let (w, h) = sheet::size(names.len(), style, cell);
    let whole = json!({
        "frames": Value::Object(frames),
        "meta": {
            "app": "Latent Studio", "version": "1.0", "format": "RGBA8888", "scale": factor.to_string(),
            "image": image.file_name().unwrap_or_default().to_string_lossy(),
            "size": { "w": w * u64::from(factor), "h": h * u64::from(factor) },
        },
    });
    // Plain values with text keys always make JSON.
    format!("{whole:#}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_where_the_cells_are() {
        let names: Vec<String> = ["a", "b", "b"].map(String::from).into();
        let style = Style { columns: 2, gap: 1, ..Style::default() };
        let text = describe(Path::new("/x/sheet.png"), &names, &style, (16, 8), 2);
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read["meta"]["image"], "sheet.png");
        assert_eq!(read["meta"]["size"], json!({ "w": 2 * (2 * 17 + 1), "h": 2 * (2 * 9 + 1) }));
        assert_eq!(read["frames"]["a"]["frame"], json!({ "x": 2, "y": 2, "w": 32, "h": 16 }));
        assert_eq!(read["frames"]["b"]["frame"]["x"], 2 * 18);
        assert_eq!(read["frames"]["b-2"]["frame"], json!({ "x": 2, "y": 20, "w": 32, "h": 16 }));
    }
}
