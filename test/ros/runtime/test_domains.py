"""Tests that run at the same time on one machine get domains of their own."""

from __future__ import annotations

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from support.domains import free_domains, is_free


def test_a_domain_with_a_node_in_it_is_given_to_nobody_else() -> None:
    domain = next(free_domains(range(161, 231)))
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = Node("somebody", context=context)
    try:
        assert not is_free(domain)
        given = free_domains(range(161, 232))
        assert domain not in {next(given) for _ in range(71)}
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
