//! Files that are dropped on the window, chosen, or pasted as paths.

use super::*;

#[test]
fn chosen_files_go_where_they_belong() {
    let cases: [(&str, ViewId); 4] = [
        ("/photos/cats", ViewId::Data),
        ("/models/a.safetensors", ViewId::Models),
        ("/photos/cat.png", ViewId::Explore),
        ("/photos/generated-1.png", ViewId::Explore),
    ];
    for (path, view) in cases {
        let mut window = Window::sized(ScriptedEngine::new(), vec2(1280.0, 800.0), vec![path.into()]);
        window.key(Modifiers::COMMAND, Key::O);
        assert_eq!(window.person.asked.lock().len(), 1);
        assert_eq!(window.active(), view, "{path}");
    }
}

#[test]
fn a_path_can_be_pasted_on_home() {
    let mut window = Window::open(ScriptedEngine::fresh());
    window.harness.get_by_label("Path").focus();
    window.harness.get_by_label("Path").type_text("'/photos/my cats'");
    window.harness.run();
    window.click("Open path");
    let asked = Command::Inspect { path: "/photos/my cats".into() };
    assert!(window.engine.commands().contains(&asked));
    assert_eq!(window.active(), ViewId::Data);
}

#[test]
fn a_pasted_list_of_files_is_one_source() {
    let mut window = Window::open(ScriptedEngine::fresh());
    window.key(Modifiers::COMMAND, Key::Num2);
    window.harness.get_by_label("Path").click();
    window.harness.run();
    let list = "file:///photos/my%20cat.png\nfile:///photos/dog.png\n";
    window.harness.event(egui::Event::Paste(list.into()));
    window.harness.run();
    let surveys = &window.harness.state().studio().surveys;
    assert!(surveys.contains_key("/photos/my cat.png\n/photos/dog.png"), "{:?}", surveys.keys());
}

/// A file that a desktop drops on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the window reads no dropped file itself".into())
    }
}

#[test]
fn files_dropped_on_the_window_are_told_apart() {
    let mut window = Window::open(ScriptedEngine::new());
    window.key(Modifiers::COMMAND, Key::Num8);
    let mut drop = |paths: &[&str]| {
        let files = paths.iter().map(|p| Arc::new(Dropped((*p).into())) as egui::DroppedFileHandle);
        window.harness.input_mut().dropped_files = files.collect();
        window.harness.step();
        window.harness.input_mut().dropped_files.clear();
        window.harness.run();
        window.active()
    };
    assert_eq!(drop(&["/photos/cats"]), ViewId::Data);
    assert_eq!(drop(&["/models/a.safetensors"]), ViewId::Models);
    // Several pictures are something to train on, one is something to look at.
    assert_eq!(drop(&["/photos/1.png", "/photos/2.png"]), ViewId::Data);
    assert_eq!(drop(&["/photos/3.png", "/photos/cats", "/photos/dogs"]), ViewId::Data);
    // An archive stands alone.
    assert_eq!(drop(&["/photos/all.zip", "/photos/cats"]), ViewId::Data);
    let surveys = &window.harness.state().studio().surveys;
    assert!(surveys.contains_key("/photos/1.png\n/photos/2.png"), "only these two, not their folder");
    assert!(surveys.contains_key("/photos/cats\n/photos/dogs\n/photos/3.png"));
    assert!(surveys.contains_key("/photos/all.zip"));
}
