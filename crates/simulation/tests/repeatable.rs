//! A seed goes the same way each time.

use std::collections::BTreeSet;

use ivschat_simulation::scheduler::run;

#[test]
fn a_seed_goes_the_same_way_each_time() {
    for seed in 0..40 {
        let once = run(seed, &BTreeSet::new(), true);
        // Whatever went before.
        run(1000 + seed, &BTreeSet::new(), true);
        let again = run(seed, &BTreeSet::new(), true);
        assert_eq!(once.story.trace(), again.story.trace(), "seed {seed}");
    }
}
