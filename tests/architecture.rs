//! ARCHITECTURE.md and the code say the same.

use std::fmt::Write as _;

use landlord::domain::lifecycle::{EDGES, Node};

use crate::support::golden;

fn said(node: Node) -> String {
    match node {
        Node::None | Node::Gone => "[*]".into(),
        Node::Locked(reason) => format!("LOCKED_{}", reason.name()),
        _ => node.state_name().into(),
    }
}

#[test]
fn the_drawing_of_the_states_has_every_edge() {
    let mut drawing = String::from("```mermaid\nstateDiagram-v2\n");
    for (from, to, cause) in EDGES {
        writeln!(drawing, "    {} --> {}: {}", said(*from), said(*to), cause.name()).unwrap();
    }
    drawing.push_str("```\n");
    golden::assert_block("ARCHITECTURE.md", "states", &drawing);
}

#[test]
fn the_picture_of_the_rooms_has_each_of_them_from_the_top_down() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    let (_, picture) = page.split_once("<!-- rooms -->\n```text\n").expect("the picture");
    let (picture, _) = picture.split_once("```").unwrap();
    let named = picture.lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
    let named: Vec<_> = named.map(|line| line.split([' ', '/', '.']).next().unwrap().to_owned()).collect();
    let mut rooms = crate::rooms::rooms();
    rooms.reverse();
    assert_eq!(named, rooms);
}
