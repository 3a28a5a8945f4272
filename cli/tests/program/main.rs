//! The program, as people and other programs use it.

mod support;

mod behaviour;
mod behind_nginx;
mod browser;
mod clients_browser;
mod clients_curl;
mod clients_programs;
mod clients_wget;
mod faults;
mod faults_lease;
mod log;
mod reach;
mod serving;
mod usage;
