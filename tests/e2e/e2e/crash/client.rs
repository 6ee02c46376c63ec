//! A client: does things at random to containers and images of its own and checks what it knows of them.

use super::chance::Chance;
use super::picture::Shelf;
use super::truth::Truth;
use super::wire::Wire;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many containers one has at a time.
const MOST: usize = 4;

/// One of several that use the daemon at the same time.
pub(super) struct Client {
    number: usize,
    wire: Wire,
    chance: Chance,
    mine: Vec<Truth>,
    shelf: Shelf,
    born: usize,
    steps: usize,
}

impl Client {
    /// `shared`: an archive of the image that the containers are made of.
    pub(super) fn new(number: usize, socket: &Path, shared: &[u8], chance: Chance) -> Self {
        let wire = Wire::new(socket);
        let shelf = Shelf::new(wire.clone(), number, shared.to_vec());
        Self { number, wire, chance, mine: Vec::new(), shelf, born: 0, steps: 0 }
    }

    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    pub(super) fn images(&self) -> usize {
        self.shelf.born()
    }

    /// Lives a few lives to their ends.
    pub(super) fn warm_up(&mut self) {
        for _ in 0..12 {
            self.step();
        }
        self.remove_all();
        self.steps = 0;
    }

    /// Until it is over.
    pub(super) fn live(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.step();
            self.steps += 1;
        }
    }

    /// All that was told still holds.
    pub(super) fn check_all(&mut self) {
        self.mine.iter_mut().for_each(|truth| truth.check());
        self.shelf.check_all();
    }

    pub(super) fn remove_all(&mut self) {
        self.mine.drain(..).for_each(|mut truth| truth.remove());
        self.shelf.remove_all();
    }

    fn step(&mut self) {
        if self.chance.one_in(4) {
            return self.shelf.step(&mut self.chance);
        }
        self.mine.retain(|truth| !truth.is_gone());
        if self.mine.is_empty() || (self.mine.len() < MOST && self.chance.one_in(3)) {
            self.born += 1;
            let name = format!("c{}-{}", self.number, self.born);
            self.mine.push(Truth::create(self.wire.clone(), name, &mut self.chance));
            return;
        }
        let which = self.chance.below(self.mine.len());
        let truth = &mut self.mine[which];
        truth.look();
        match self.chance.below(12) {
            _ if truth.is_gone() => {}
            0 => truth.remove(),
            1..=3 => truth.check(),
            4..=5 if truth.is_alive() => truth.stop(),
            6 if truth.is_alive() => truth.kill(),
            7 if truth.is_alive() => truth.pause_or_unpause(),
            8 if truth.is_alive() => truth.refuse_to_remove(),
            9..=11 if truth.is_alive() => truth.exec(&mut self.chance),
            _ => truth.start(),
        }
    }
}
