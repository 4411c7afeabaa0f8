/* A heated, stirred tank with a free outlet, as an FMU for co-simulation by FMI 2.0; for the tests only.
 * dm/dt = inflow - k m,  dT/dt = (inflow c (T_in - T) + power) / (m c), explicit Euler over the step given. */
#include <stdlib.h>
#include <string.h>

#include "fmi2Functions.h"

enum { INFLOW, POWER, MASS, TEMPERATURE, LAYER_1, LAYER_2, LAYER_3, OUTLET, REALS };
enum { HEATERS, INTEGERS };
enum { FULL, STUBBORN, BOOLEANS };

typedef struct {
    fmi2Real real[REALS];
    fmi2Integer integer[INTEGERS];
    fmi2Boolean boolean[BOOLEANS];
} Tank;

static const double HEAT = 4180.0, WARM_K = 293.15;

static void show(Tank *tank) {
    for (int i = 0; i < 3; i++) tank->real[LAYER_1 + i] = tank->real[TEMPERATURE] + i;
    tank->boolean[FULL] = tank->real[MASS] > 100.0;
}

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible, fmi2Boolean logging) {
    if (type != fmi2CoSimulation || strcmp(guid, "{tank}")) return NULL;
    Tank *tank = calloc(1, sizeof(Tank));
    tank->real[MASS] = 50.0;
    tank->real[TEMPERATURE] = WARM_K;
    tank->real[OUTLET] = 0.01;
    tank->integer[HEATERS] = 1;
    return tank;
}

void fmi2FreeInstance(fmi2Component c) { free(c); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean a, fmi2Real b, fmi2Real d, fmi2Boolean e, fmi2Real f) {
    return fmi2OK;
}
fmi2Status fmi2EnterInitializationMode(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2ExitInitializationMode(fmi2Component c) { return show(c), fmi2OK; }
fmi2Status fmi2Terminate(fmi2Component c) { return fmi2OK; }

#define ACCESS(Kind, Type, member)                                                                             \
    fmi2Status fmi2Get##Kind(fmi2Component c, const fmi2ValueReference r[], size_t n, Type v[]) {              \
        for (size_t i = 0; i < n; i++) v[i] = ((Tank *)c)->member[r[i]];                                       \
        return fmi2OK;                                                                                         \
    }                                                                                                          \
    fmi2Status fmi2Set##Kind(fmi2Component c, const fmi2ValueReference r[], size_t n, const Type v[]) {        \
        for (size_t i = 0; i < n; i++) ((Tank *)c)->member[r[i]] = v[i];                                       \
        return fmi2OK;                                                                                         \
    }
ACCESS(Real, fmi2Real, real)
ACCESS(Integer, fmi2Integer, integer)
ACCESS(Boolean, fmi2Boolean, boolean)

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real at, fmi2Real size, fmi2Boolean keep) {
    Tank *tank = c;
    double mass = tank->real[MASS], *temperature = &tank->real[TEMPERATURE], inflow = tank->real[INFLOW];
    if (tank->boolean[STUBBORN]) return fmi2Error;
    double power = tank->real[POWER] * tank->integer[HEATERS];
    *temperature += size * (inflow * HEAT * (WARM_K - *temperature) + power) / (mass * HEAT);
    tank->real[MASS] = mass + size * (inflow - tank->real[OUTLET] * mass);
    show(tank);
    return fmi2OK;
}

/* What every FMU must have and nobody asks of this one. */
#define REFUSE(name, ...) \
    fmi2Status name(fmi2Component c, __VA_ARGS__) { return fmi2Error; }
fmi2Status fmi2Reset(fmi2Component c) { return fmi2Error; }
fmi2Status fmi2CancelStep(fmi2Component c) { return fmi2Error; }
REFUSE(fmi2SetDebugLogging, fmi2Boolean on, size_t n, const fmi2String categories[])
REFUSE(fmi2GetString, const fmi2ValueReference r[], size_t n, fmi2String v[])
REFUSE(fmi2SetString, const fmi2ValueReference r[], size_t n, const fmi2String v[])
REFUSE(fmi2GetFMUstate, fmi2FMUstate *state)
REFUSE(fmi2SetFMUstate, fmi2FMUstate state)
REFUSE(fmi2FreeFMUstate, fmi2FMUstate *state)
REFUSE(fmi2SerializedFMUstateSize, fmi2FMUstate state, size_t *n)
REFUSE(fmi2SerializeFMUstate, fmi2FMUstate state, fmi2Byte bytes[], size_t n)
REFUSE(fmi2DeSerializeFMUstate, const fmi2Byte bytes[], size_t n, fmi2FMUstate *state)
REFUSE(fmi2GetDirectionalDerivative, const fmi2ValueReference u[], size_t nu, const fmi2ValueReference k[], size_t nk,
       const fmi2Real dk[], fmi2Real du[])
REFUSE(fmi2SetRealInputDerivatives, const fmi2ValueReference r[], size_t n, const fmi2Integer o[], const fmi2Real v[])
REFUSE(fmi2GetRealOutputDerivatives, const fmi2ValueReference r[], size_t n, const fmi2Integer o[], fmi2Real v[])
REFUSE(fmi2GetStatus, const fmi2StatusKind kind, fmi2Status *v)
REFUSE(fmi2GetRealStatus, const fmi2StatusKind kind, fmi2Real *v)
REFUSE(fmi2GetIntegerStatus, const fmi2StatusKind kind, fmi2Integer *v)
REFUSE(fmi2GetBooleanStatus, const fmi2StatusKind kind, fmi2Boolean *v)
REFUSE(fmi2GetStringStatus, const fmi2StatusKind kind, fmi2String *v)
