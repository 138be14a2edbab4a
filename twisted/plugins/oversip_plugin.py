"""What makes ``twistd oversip`` known."""

from twisted.application.service import ServiceMaker

oversip = ServiceMaker("oversip", "oversip_tw.tap", "SIP proxy and registrar that lets browsers be phones.", "oversip")
