"""The number burnt into libpeer's test picture (peer/test_media.h): drawn into, and read from, the luma of a picture."""
import binascii
import struct
import time

import numpy

COLUMNS, ROWS, GRID_ROWS = 20, 4, 15


def draw(number, width=320, height=240):
    """A moving picture with the code in its upper part: luma, height × width."""
    code = struct.pack(">II", number, int(time.time() * 1000) % 2**32)
    code += struct.pack(">H", binascii.crc_hqx(code, 0xFFFF))
    bits = numpy.unpackbits(numpy.frombuffer(code, numpy.uint8)).reshape(ROWS, COLUMNS)
    luma = ((numpy.arange(width) + 4 * number) % 192 + 32).astype(numpy.uint8)
    luma = numpy.tile(luma, (height, 1))
    cell = height // GRID_ROWS
    luma[:ROWS * cell] = numpy.kron(bits, numpy.ones((cell, width // COLUMNS), numpy.uint8)) * 219 + 16
    return luma


def read(luma):
    """The number in a picture's luma, or None."""
    height, width = luma.shape
    y = ((numpy.arange(ROWS) + 0.5) * height / GRID_ROWS).astype(int)
    x = ((numpy.arange(COLUMNS) + 0.5) * width / COLUMNS).astype(int)
    bits = luma[numpy.ix_(y, x)] > 128
    code = numpy.packbits(bits).tobytes()
    if binascii.crc_hqx(code[:8], 0xFFFF) != struct.unpack(">H", code[8:])[0]:
        return None
    return struct.unpack(">I", code[:4])[0]


class Counter:
    """Counts pictures, and those whose number is higher than any before."""

    def __init__(self):
        self.frames = self.numbers = 0
        self.highest = -1

    def take(self, luma):
        self.frames += 1
        number = read(luma)
        if number is not None and number > self.highest:
            self.highest = number
            self.numbers += 1
