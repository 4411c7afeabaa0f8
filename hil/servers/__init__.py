"""Real OPC UA and Modbus servers that show the image of a simulated line, whatever policy names its tags."""
