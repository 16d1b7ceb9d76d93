"""Ports that nothing else takes between the look and the bind."""

from __future__ import annotations

import socket

import pytest

from longshore_k8s.capacity import local_ports


def test_no_port_is_given_twice_by_a_process():
    ports = [local_ports.unused_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_a_port_lies_outside_of_those_of_outgoing_connections():
    lowest_outgoing = int(local_ports.OUTGOING.read_text().split()[0])
    assert local_ports.LOWEST <= local_ports.unused_port() < lowest_outgoing


def test_processes_have_ports_of_their_own(monkeypatch):
    found = []
    for pid in (41, 42):
        monkeypatch.setattr(local_ports.os, "getpid", lambda pid=pid: pid)
        found.append({local_ports.unused_port() for _ in range(50)})
    assert not found[0] & found[1]


def test_a_port_that_is_taken_is_passed_over():
    first = local_ports.unused_port()
    with socket.create_server(("127.0.0.1", first + 1)):
        assert local_ports.unused_port() != first + 1


def test_where_all_are_taken_the_range_is_named(monkeypatch):
    def refuse(self, address):
        raise OSError("taken")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OSError, match=r"none of the ports \d+ to \d+ is free"):
        local_ports.unused_port()
