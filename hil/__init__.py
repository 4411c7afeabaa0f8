"""What is proved: simulated lines behind PLC servers, faults, and the rig that runs the controller on them."""
