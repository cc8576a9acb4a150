//! x
fn main() {
    println!("{}", ivschat_operator::api::manifest().unwrap());
}
