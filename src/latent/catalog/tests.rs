use burn::tensor::Device;

use super::*;
use crate::latent::model::LoadedModel;
use crate::recipe::architecture;

/// A small model that any file may hold, with this change to what it says of itself.
fn model(id: &str, change: impl FnOnce(&mut serde_json::Value)) -> Weights {
    let mut recipe = Recipe { name: "small".into(), ..Recipe::default() };
    recipe.data.resolution = 16.into();
    recipe.model.id = id.into();
    (recipe.model.width, recipe.model.narrow, recipe.model.latent) = (8, 4, 4);
    let device = Device::flex();
    let weights = match architecture::family_of(id).unwrap() {
        Family::Gan => Weights::of(&Generator::init(&recipe, &device).unwrap()),
        Family::Vae => Weights::of(&Vae::init(&recipe, &device).unwrap()),
        Family::Tokens => Weights::of(&TokenVae::init(&recipe, &device).unwrap()),
        Family::Prior => Weights::of(&TokenPrior::init(&recipe, &device).unwrap()),
    };
    let mut card = serde_json::to_value(ModelInfo::of(&recipe, weights.hash())).unwrap();
    change(&mut card);
    weights.with(METADATA, card.to_string())
}

#[test]
fn a_model_whose_card_lies_is_listed_as_broken_and_takes_nothing_down() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(home.path());
    let folder = paths.models();
    model("res-gan", |_| {}).write(&folder.join("good.safetensors")).unwrap();
    type Change = fn(&mut serde_json::Value);
    let lies: [(&str, Change); 9] = [
        ("no latent", |c| c["recipe"]["model"]["latent"] = 0.into()),
        ("huge latent", |c| c["recipe"]["model"]["latent"] = u32::MAX.into()),
        ("huge width", |c| c["recipe"]["model"]["width"] = 4_000_000_000u32.into()),
        ("wide", |c| {
            // Within bounds, and gigabytes: the file does not hold them.
            (c["recipe"]["model"]["width"], c["recipe"]["model"]["narrow"]) = (1024.into(), 512.into());
            (c["recipe"]["model"]["blocks"], c["recipe"]["data"]["resolution"]) = (8.into(), 256.into());
        }),
        ("no picture", |c| c["recipe"]["data"]["resolution"] = 0.into()),
        ("huge picture", |c| c["recipe"]["data"]["resolution"] = 1_000_000.into()),
        ("many blocks", |c| c["recipe"]["model"]["blocks"] = u32::MAX.into()),
        ("another network", |c| c["recipe"]["model"]["id"] = "style-gan".into()),
        ("a path for a hash", |c| c["hash"] = "../../evil".into()),
    ];
    for (name, change) in lies {
        model("res-gan", change).write(&folder.join(format!("{name}.safetensors"))).unwrap();
    }
    std::fs::write(folder.join("torn.safetensors"), b"\x08\0\0\0\0\0\0\0{}").unwrap();
    let all = survey(&paths);
    let mine: Vec<_> = all.models.iter().filter(|m| !m.shipped).map(|m| m.name.as_str()).collect();
    assert_eq!(mine, ["good"]);
    assert_eq!(list(&paths).len(), all.models.len());
    for name in lies.map(|l| l.0).into_iter().chain(["torn"]) {
        let broken = all.broken.iter().find(|b| b.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(broken.path.is_file() && !broken.broken.what.is_empty(), "{name}");
        assert!(LoadedModel::open(name, &paths, "cpu").is_err(), "{name}");
        let elsewhere = Paths::under(&home.path().join("elsewhere"));
        assert!(import(&broken.path, &elsewhere).is_err(), "{name}");
    }
    assert!(LoadedModel::open("good", &paths, "cpu").is_ok());
}

#[test]
fn what_a_card_says_beside_its_recipe_is_not_believed() {
    let card = |c: &mut serde_json::Value| {
        (c["family"], c["latent"]) = ("vae".into(), 4_000_000_000u32.into());
        (c["resolution"], c["architecture"]) = (9_999_999.into(), "mlp-vae".into());
    };
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(home.path());
    model("res-gan", card).write(&paths.models().join("m.safetensors")).unwrap();
    let info = list(&paths).into_iter().find(|m| m.name == "m").unwrap();
    assert_eq!((info.family, info.latent, info.resolution), (Family::Gan, 4, 16.into()));
    assert_eq!(info.architecture, "res-gan");
    assert_eq!(LoadedModel::open("m", &paths, "cpu").unwrap().contact_sheet().unwrap().width % 17, 1);
}

#[test]
fn names_out_of_models_are_names_of_files_and_no_paths() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(home.path());
    let file = home.path().join(SNAPSHOT);
    model("conv-vae", |c| c["name"] = "../../evil/..".into()).write(&file).unwrap();
    let info = import(&file, &paths).unwrap();
    assert!(paths.models().join(format!("{}.safetensors", info.name)).is_file(), "{}", info.name);
    assert!(!info.name.contains('/') && !info.name.starts_with('.'));
}

#[test]
fn older_checkpoints_and_runs_elsewhere_are_found_by_their_hash() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(&home.path().join("studio"));
    let dir = home.path().join("elsewhere/run");
    let mut recipe = Recipe { name: "small".into(), ..Recipe::default() };
    recipe.data.resolution = 16.into();
    drop(RunFolder::create(&dir, &recipe, None, "cpu").unwrap());
    let older = model("res-gan", |_| {});
    let hash = older.hash();
    for (name, weights) in [("000000001000", older), ("000000002000", model("conv-vae", |_| {}))] {
        let folder = dir.join("checkpoints").join(name);
        weights.write(&folder.join(SNAPSHOT)).unwrap();
        std::fs::write(folder.join("checkpoint.json"), br#"{"best":false,"score":null}"#).unwrap();
    }
    let folder = RunFolder::open(&dir).unwrap();
    assert_eq!(folder.checkpoints().len(), 2);
    assert_eq!(checkpoint_of(&hash, &[], &paths), None);
    let found = checkpoint_of(&hash, std::slice::from_ref(&dir), &paths).unwrap();
    assert_eq!(found, folder.checkpoints()[0].path);
    assert!(LoadedModel::open(&found.display().to_string(), &paths, "cpu").is_ok());
    assert_eq!(checkpoint_of("", &[dir], &paths), None);
}

#[test]
fn a_script_beside_an_exported_model_replaces_no_file_of_ones_own() {
    let home = tempfile::tempdir().unwrap();
    let exported = home.path().join("faces.safetensors");
    let own = home.path().join("faces.py");
    std::fs::write(&own, "print('mine')\n").unwrap();
    let script = write_loader(&exported).unwrap();
    assert_eq!(script, home.path().join("faces_2.py"));
    assert!(std::fs::read_to_string(&script).unwrap().contains("from faces_2 import load"));
    assert_eq!(write_loader(&exported).unwrap(), script, "its own script is renewed");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "print('mine')\n");
}

#[test]
fn models_and_runs_with_an_at_sign_in_their_names_are_opened_by_them() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(home.path());
    let file = home.path().join("faces@64.safetensors");
    model("conv-vae", |_| ()).write(&file).unwrap();
    let imported = import(&file, &paths).unwrap();
    assert_eq!(imported.name, "faces@64");
    let opened = resolve("faces@64", &paths).unwrap().read().unwrap().1;
    assert_eq!(opened.hash, imported.hash);
    assert!(resolve("faces@64@normal", &paths).is_ok(), "without its prior");
    // A run of that name, by its name alone; what follows the last @ is a checkpoint only where there is no such run.
    let recipe = crate::recipe::Recipe::default();
    crate::train::folder::RunFolder::create_locked(&paths.runs().join("cats@128"), &recipe, None, "cpu").unwrap();
    let problem = resolve("cats@128", &paths).unwrap_err();
    assert_eq!(problem.what, "This run has no complete checkpoint yet");
}
