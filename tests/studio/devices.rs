//! Devices against the CPU: forward, gradients and one step of the optimiser from the same state.

use crate::common::Home;

fn compared(home: &Home, id: &str) -> Option<serde_json::Value> {
    let out = home.run(&["devices", "--compare", id, "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let answer: Option<serde_json::Value> = text.lines().find_map(|line| serde_json::from_str(line).ok());
    let agrees = answer.as_ref().is_some_and(|a| a["agrees"] == true);
    assert_eq!(agrees, out.status.success(), "{id}: {text}{}", String::from_utf8_lossy(&out.stderr));
    answer
}

#[test]
fn the_cpu_agrees_with_itself_and_nonsense_is_refused() {
    let home = Home::new();
    let cpu = compared(&home, "cpu").unwrap();
    assert_eq!(
        (cpu["forward"].as_f64(), cpu["gradients"].as_f64(), cpu["step"].as_f64()),
        (Some(0.0), Some(0.0), Some(0.0))
    );
    assert_eq!(home.run(&["devices", "--compare", "toaster"]).status.code(), Some(2));
}

#[test]
fn every_gpu_that_is_used_agrees_with_the_cpu() {
    let home = Home::new();
    let reports: Vec<serde_json::Value> = serde_json::from_str(&home.ok(&["devices", "--json"])).unwrap();
    assert_eq!((&reports[0]["id"], &reports[0]["usable"]), (&"cpu".into(), &true.into()));
    let gpus: Vec<&str> =
        reports.iter().filter(|r| r["gpu"] == true && r["usable"] == true).filter_map(|r| r["id"].as_str()).collect();
    for r in &reports[1..] {
        assert!(r["usable"] == true || r["reason"].as_str().is_some_and(|t| !t.is_empty()), "{r} without a reason");
    }
    if gpus.is_empty() {
        return eprintln!("skipped: no GPU is usable here ({} paths were tried)", reports.len() - 1);
    }
    for id in gpus {
        assert_eq!(compared(&home, id).unwrap()["agrees"], true, "{id}");
    }
}

/// WGSL on a software renderer, on which no run is ever trained: it computes the same, minutes long.
/// `CUBECL_AUTOTUNE_LEVEL=minimal cargo test --release --test studio software -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes on a software renderer"]
fn wgsl_on_a_software_renderer_agrees_with_the_cpu() {
    let home = Home::new();
    match compared(&home, "wgsl") {
        Some(answer) => {
            println!("{answer}");
            assert_eq!(answer["agrees"], true);
        }
        None => eprintln!("skipped: there is no Vulkan here"),
    }
}
