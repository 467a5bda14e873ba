"""An experiment that goes on as long as the file `sleeping` that it makes in the master's folder is there."""

import os
import time

import numpy as np
from artiq.experiment import EnvExperiment


class Sleeps(EnvExperiment):
    def run(self):
        array = np.zeros(3)
        self.set_dataset("array", array)
        self.set_dataset("list", [])
        for i in range(3):
            self.append_to_dataset("list", i)
        array[0] = 7
        flag = os.path.join(os.getcwd().split("/results/")[0], "sleeping")
        open(flag, "w").close()
        while os.path.exists(flag):
            time.sleep(.02)
        self.set_dataset("done", True)
