//! What a dropped or pasted path is.

use std::io::Read;
use std::path::Path;

use super::{Inspected, ModelInfo};
use crate::base::{Problem, Result, vault};
use crate::export::read_recipe;
use crate::train::folder::RunFolder;

/// Extensions of single pictures.
const PICTURES: [&str; 16] =
    ["png", "jpg", "jpeg", "jpe", "gif", "webp", "bmp", "tif", "tiff", "tga", "ppm", "pgm", "pbm", "qoi", "ico", "hdr"];

/// Extensions of films that the studio writes, with the recipe inside.
const FILMS: [&str; 2] = ["mp4", "apng"];

/// Finds out what a path is. `models` are those that are here, to find the one that made a picture.
///
/// # Errors
/// Nothing is there, it cannot be read, or the studio knows nothing to do with it.
pub fn inspect(path: &Path, models: &[ModelInfo]) -> Result<Inspected> {
    let meta = std::fs::metadata(path).map_err(|e| Problem::io("There is nothing here", path, &e))?;
    if meta.is_dir() {
        if RunFolder::is_run(path) {
            return Ok(Inspected::Run { dir: path.into() });
        }
        if path.join("model.safetensors").is_file() {
            return Ok(Inspected::Model { model: path.display().to_string() });
        }
        return Ok(Inspected::Source { source: source_of(path), folder: true });
    }
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if extension == "safetensors" || crate::models::pytorch::is_pytorch(path) {
        return Ok(Inspected::Model { model: path.display().to_string() });
    }
    let picture = PICTURES.contains(&extension.as_str()) || looks_like_a_picture(path);
    if picture || FILMS.contains(&extension.as_str()) {
        if let Some(recipe) = read_recipe(path)? {
            let model = models.iter().find(|m| m.hash == recipe.model_hash).map(|m| m.model.clone());
            return Ok(Inspected::Generated { path: path.into(), recipe: Box::new(recipe), model });
        }
        if picture {
            return Ok(Inspected::Picture { path: path.into() });
        }
    }
    let source = source_of(path);
    if crate::data::SOURCES.iter().any(|kind| (kind.sniff)(&source)) {
        return Ok(Inspected::Source { source, folder: false });
    }
    Err(Problem::data("The studio cannot open this file")
        .of(path.display().to_string())
        .try_this("Drop a folder, zip or tar of pictures, a picture, a .safetensors model or a run folder"))
}

fn source_of(path: &Path) -> String {
    crate::data::joined(std::slice::from_ref(&path.to_path_buf()))
}

/// By its first bytes, whatever its name says.
fn looks_like_a_picture(path: &Path) -> bool {
    let mut head = [0; 12];
    let Ok(mut file) = vault::File::open(path) else { return false };
    if file.read_exact(&mut head).is_err() {
        return false;
    }
    head.starts_with(b"\x89PNG\r\n\x1a\n")
        || head.starts_with(b"\xff\xd8\xff")
        || head.starts_with(b"GIF8")
        || (head.starts_with(b"RIFF") && &head[8..] == b"WEBP")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Picture;
    use crate::engine::fake;
    use crate::export::write_png;
    use crate::recipe::Recipe;
    use crate::recipe::picture::{Latent, PictureRecipe};

    #[test]
    fn every_kind_of_thing_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let models = fake::models();
        let recipe = PictureRecipe {
            studio: "0".into(),
            model: "nouns-gan".into(),
            model_hash: models[1].hash.clone(),
            latent: Latent::Seed { seed: 4 },
            truncation: 1.0,
            made_by: "sample".into(),
            scale: 1,
            filter: "nearest".into(),
            grid: None,
            device: "flex".into(),
            prior: None,
            canvas: None,
            watermark: None,
        };
        let picture = Picture::filled(16, 16, [9, 200, 3, 255]);
        write_png(&at("made.png"), &picture, Some(&recipe)).unwrap();
        write_png(&at("plain.png"), &picture, None).unwrap();
        std::fs::copy(at("made.png"), at("no-extension")).unwrap();
        write_png(&at("stranger.png"), &picture, Some(&PictureRecipe { model_hash: "other".into(), ..recipe }))
            .unwrap();
        std::fs::write(at("w.safetensors"), b"x").unwrap();
        std::fs::write(at("notes.txt"), b"hello there, this is text").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        RunFolder::create(&at("run"), &Recipe::default(), None, "cpu").unwrap();

        let of = |name: &str| inspect(&at(name), &models);
        for name in ["made.png", "no-extension"] {
            let Inspected::Generated { recipe, model, .. } = of(name).unwrap() else { panic!("{name}") };
            assert_eq!((recipe.latent, model.as_deref()), (Latent::Seed { seed: 4 }, Some("nouns-gan")));
        }
        assert!(matches!(of("stranger.png").unwrap(), Inspected::Generated { model: None, .. }));
        assert!(matches!(of("plain.png").unwrap(), Inspected::Picture { .. }));
        assert!(matches!(of("w.safetensors").unwrap(), Inspected::Model { .. }));
        assert!(matches!(of("folder").unwrap(), Inspected::Source { folder: true, .. }));
        assert!(matches!(of("run").unwrap(), Inspected::Run { .. }));
        assert!(of("notes.txt").is_err());
        assert!(of("nothing").unwrap_err().remedy.is_some());
    }
}
